/**
 * What the sync does to a database: how fast a first listing is stored, with plain COPY of the same rows beside it, and
 * what thousands of tables cost that are looked at for changes. `npm run bench:sync -- --help`.
 */
import { parseArgs } from 'node:util';
import { startTestPostgres } from '../../support/postgres.js';
import { backfill } from './backfill.js';
import { fleet } from './fleet.js';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'backfill,fleet' },
    rows: { type: 'string', default: '200000' },
    rounds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '1000' },
    processes: { type: 'string', default: '2' },
    every: { type: 'string', default: '30' },
    seconds: { type: 'string', default: '60' },
    help: { type: 'boolean', default: false },
  },
});

const usage = `npm run bench:sync -- [options]
  --only A,B         backfill,fleet
  --rows N           rows of a first listing (200000)
  --rounds N         of the first listing and of plain COPY, one after the other (3)
  --connections N    connections of the fleet, with five tables each (1000)
  --processes N      processes that work for it; they are simulated in this one (2)
  --every SECONDS    from one look at a table to the next (30)
  --seconds N        that are measured, once every table has been listed (60)
`;

function whole(name: keyof typeof values): number {
  const text = String(values[name]);
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`--${name} must be a whole number`);
  return Number(text);
}

async function main(): Promise<void> {
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  const parts = String(values.only).split(',');
  const settings = { max_connections: 300, shared_buffers: '256MB', autovacuum: true, synchronous_commit: 'on' };
  const server = await startTestPostgres({ settings });
  try {
    if (parts.includes('backfill')) await backfill(server, whole('rows'), whole('rounds'));
    if (parts.includes('fleet')) {
      await fleet(server, {
        connections: whole('connections'),
        processes: whole('processes'),
        everyMs: whole('every') * 1000,
        seconds: whole('seconds'),
      });
    }
  } finally {
    await server.destroy();
  }
}

await main();
process.exit();
