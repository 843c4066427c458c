/** The errors that end a connection or keep it from coming about. */
import { afterAll, beforeAll, test } from 'vitest';
import { expectShown } from './case.js';
import { connections } from './cases/connections.js';
import { ConnectionWorld } from './connection-world.js';

let world: ConnectionWorld;

beforeAll(async () => {
  world = await ConnectionWorld.start();
}, 60_000);

afterAll(() => world.stop());

test.each(connections)('$code: $title', async ({ code, provoke, shows }) => {
  expectShown(await provoke(world), code, shows);
});
