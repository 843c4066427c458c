/** Upwrite in a process that can be killed, and whose writes can be held at their boundaries. */
import { fileURLToPath } from 'node:url';
import { parseConfig, parseDatabaseUrl } from '../../src/config/index.js';
import { serve } from '../../src/main/serve.js';
import { createRegistry, type Registry } from '../../src/provider/index.js';
import { createLog } from '../../src/telemetry/index.js';
import type { Boundary } from '../../src/write/index.js';
import type { FromChild, ToUpwrite, UpwriteConfig } from './messages.js';

const armed = new Set<Boundary>();
const waiting = new Map<number, () => void>();
let reached = 0;

function tell(message: FromChild): void {
  process.send?.(message);
}

async function boundary(name: Boundary): Promise<void> {
  if (!armed.has(name)) return;
  reached += 1;
  const id = reached;
  const go = new Promise<void>((resolve) => waiting.set(id, resolve));
  tell({ kind: 'boundary', id, name });
  await go;
}

function command(message: ToUpwrite): void {
  if (message.kind === 'arm') {
    for (const name of message.names) armed.add(name);
    tell({ kind: 'armed' });
    return;
  }
  if (message.id === 'all') armed.clear();
  for (const [id, go] of waiting) {
    if (message.id !== 'all' && message.id !== id) continue;
    waiting.delete(id);
    go();
  }
}

/** The providers of the product, and those of these tests. */
function registry(): Registry {
  const own = createRegistry();
  const further = createRegistry(fileURLToPath(new URL('providers/', import.meta.url)));
  return {
    names: async () => [...(await own.names()), ...(await further.names())],
    load: (name) => (name === 'partial' ? further : own).load(name),
  };
}

process.on('disconnect', () => process.exit());
process.once('message', async (config: UpwriteConfig) => {
  process.on('message', command);
  const settings = JSON.stringify({ listen: `127.0.0.1:${config.port}`, ...config.settings });
  await serve({
    config: parseConfig(settings, { file: 'the fault tests', environment: {} }).config,
    database: parseDatabaseUrl(config.database, '/'),
    registry: registry(),
    log: createLog({ level: 'info', format: 'json', sink: { write: (line) => tell({ kind: 'log', line }) } }),
    grant: { write: ['app'] },
    timings: {
      settleInterval: 150,
      settleGiveUp: 20_000 * config.pace,
      stopGrace: 300 * config.pace,
      lease: 1500 * config.pace,
    },
    boundary,
  });
  tell({ kind: 'ready' });
});
