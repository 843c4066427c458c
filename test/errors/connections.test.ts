/** The errors that end a connection or keep it from coming about. */
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { roles } from '../support/cluster.js';
import { expectShown } from './case.js';
import { connections } from './cases/connections.js';
import { ConnectionWorld } from './connection-world.js';

const hasPsql = spawnSync('psql', ['--version']).status === 0;

let world: ConnectionWorld;

beforeAll(async () => {
  world = await ConnectionWorld.start();
});

afterAll(() => world.stop());

test.each(connections)('$code: $title', async ({ code, provoke, shows }) => {
  expectShown(await provoke(world), code, shows);
});

test.runIf(hasPsql)(
  'psql with TLS on both sides logs in once channel binding is switched off, as the hint says',
  async () => {
    const { port } = await world.proxy({ database: { tls: { mode: 'require' } } });
    const { user, password } = roles.scram;
    const psql = async (more: string): Promise<string> => {
      const target = `host=127.0.0.1 port=${port} user=${user} dbname=battery sslmode=require ${more}`;
      const run = promisify(execFile)('psql', ['-X', '-At', target, '-c', 'select 1'], {
        env: { ...process.env, PGPASSWORD: password, PGAPPNAME: 'psql' },
      });
      return run.then(
        ({ stdout }) => stdout,
        (error: unknown) => String(Reflect.get(Object(error), 'stderr')),
      );
    };
    expect(await psql('')).toContain('HINT:  Add channel_binding=disable to the connection parameters.');
    expect(await psql('channel_binding=disable')).toBe('1\n');
  },
);
