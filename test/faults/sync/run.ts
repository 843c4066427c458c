/**
 * One random run: records change upstream while everything is listed anew, faults strike in the middle, and when everything
 * runs again the table must equal the API's records, and no page was fetched more often than the faults explain.
 */
import { pick, type Random, random } from '../../../fixtures/kit/index.js';
import type { SyncBench } from './bench.js';
import { pageSize } from './pages.js';

export interface SyncRunResult {
  readonly faults: readonly string[];
  readonly pages: number;
  readonly wrong: readonly string[];
}

const kinds = [
  'kill worker 0',
  'kill worker 1',
  'kill database',
  'kill api',
  'cut api',
  'cut worker 0',
  'cut worker 1',
] as const;
const records = 300;

const between = (next: Random, low: number, high: number): number => low + Math.floor(next() * (high - low + 1));
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Strikes; answers whether a running listing must begin anew for it. */
async function strike(bench: SyncBench, kind: (typeof kinds)[number]): Promise<boolean> {
  if (kind === 'kill database') {
    // A listing that is to delete what it lacks keeps its notes in an unlogged table, which a crash empties.
    const noting = await bench.noting();
    bench.killDatabase();
    return noting;
  }
  if (kind === 'kill api') await bench.killApi();
  else if (kind === 'cut api') bench.cut('api');
  else if (kind.startsWith('kill worker')) await bench.killWorker(kind.endsWith('0') ? 0 : 1);
  else bench.cut(kind.endsWith('0') ? 0 : 1);
  return false;
}

/** Some records are made, changed, deleted, and made again. */
function changes(next: Random, tag: string, count: number): Record<string, string | null> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, i) => {
      const id = `i${String(between(next, 0, records - 1)).padStart(4, '0')}`;
      return [id, next() < 0.25 ? null : `${tag} ${i}`];
    }),
  );
}

async function differences(bench: SyncBench): Promise<readonly string[]> {
  const live = new Map((await bench.upstream()).filter((item) => !item.deleted).map((item) => [item.id, item]));
  const rows = await bench.query<{ id: string; note: string; version: string }>('SELECT * FROM paged.items');
  const found: string[] = [];
  for (const { id, note, version } of rows) {
    const item = live.get(id);
    live.delete(id);
    if (item === undefined) found.push(`has ${id}, the API has not`);
    else if (item.note !== note || String(item.version) !== version)
      found.push(`${id} is ${note}, at the API ${item.note}`);
  }
  for (const id of live.keys()) found.push(`lacks ${id}`);
  return found;
}

/** Waits until the listing is over and the table equals the API's records; answers what is wrong at the deadline. */
async function settled(bench: SyncBench, since: string): Promise<readonly string[]> {
  const end = Date.now() + 60_000;
  for (;;) {
    const [table] = await bench.query<{ state: string; done: boolean }>(
      'SELECT state, swept_at > $1 AS done FROM upwrite.tables',
      [since],
    );
    const found = await differences(bench);
    if (table?.state === 'live' && table.done && found.length === 0) return [];
    if (Date.now() > end) return [`the table is ${table?.state}, listed: ${table?.done}`, ...found];
    await pause(50);
  }
}

export async function syncRun(bench: SyncBench, seed: number, run: number): Promise<SyncRunResult> {
  const next = random((Math.imul(seed, 0x9e3779b1) ^ Math.imul(run + 1, 0x85ebca6b)) >>> 0);
  if (bench.pages().length === 0 || run === 0) {
    await bench.change(
      Object.fromEntries(Array.from({ length: records }, (_, i) => [`i${String(i).padStart(4, '0')}`, 'new'])),
    );
  }
  await bench.change(changes(next, `run ${run}`, 40));
  const [clock] = await bench.query<{ now: string }>('SELECT clock_timestamp()::text AS now');
  const before = bench.pages().length;
  // A first listing, into an empty table, or one that takes the place of what is there.
  const fresh = next() < 0.5;
  if (fresh) await bench.empty();
  await bench.query('UPDATE upwrite.table_details SET restart = true');
  await bench.query(
    "SELECT upwrite_jobs.add_job('sync', json_build_object('table', table_oid::bigint, 'failures', 0), max_attempts := 32767, job_key := 'sync:' || table_oid) FROM upwrite.tables",
  );
  const chosen = Array.from({ length: between(next, 1, 3) }, () => pick(next, kinds));
  // Where the pages begin that count for what is in the table.
  let began = before;
  for (const kind of chosen) {
    await pause(between(next, 0, 250));
    if (await strike(bench, kind)) began = bench.pages().length;
    if (next() < 0.5) {
      await pause(between(next, 0, 600));
      await bench.recover();
    }
  }
  await pause(between(next, 0, 300));
  await bench.recover();
  await bench.change(changes(next, `run ${run} late`, 10));
  const wrong = [...(await settled(bench, clock?.now ?? ''))];
  const pages = bench.pages().length - before;
  const needed = Math.ceil(records / pageSize) + 1;
  // Each fault may cost the page that was on its way.
  const explained = began - before + needed + chosen.length;
  if (pages > explained) wrong.push(`${pages} pages were fetched, ${explained} are explained`);
  return { faults: chosen, pages, wrong };
}
