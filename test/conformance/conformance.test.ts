/** Every provider folder against the same cases. */
import { describe } from 'vitest';
import { createRegistry } from '../../src/provider/index.js';
import type { StandModule } from './stand.js';
import { conform } from './suite.js';

const registry = createRegistry();
const names = await registry.names();

async function standOf(name: string): Promise<StandModule> {
  return import(`./stands/${name}.ts`);
}

describe.each(names)('%s', async (name) => conform(name, registry, await standOf(name)));
