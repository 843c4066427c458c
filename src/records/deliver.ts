/** One piece of work for a target: changes that wait, or the next part of a first load. Each can be repeated. */
import type pg from 'pg';
import type { Catalog, SyncedTable } from '../catalog/index.js';
import { inTransaction, type RouteProgress, records, tables, type WaitingChange } from '../store/index.js';
import { sequinId, syncId } from './ids.js';
import { recordsBehind, recordsOfKeys, type SourceRow } from './payload.js';
import type { RecordConnection } from './routes.js';
import type { DeliveredRecord, Target } from './target.js';

export interface DeliveryContext {
  /** Upwrite's own. */
  readonly pool: pg.Pool;
  readonly catalog: Catalog;
  readonly connections: ReadonlyMap<string, RecordConnection>;
  readonly name: string;
  readonly target: Target;
  /** Records in one piece of work. */
  readonly batch: number;
}

/** What a piece of work did. */
export interface Delivery {
  /** Whether there was any work. */
  readonly worked: boolean;
  /** Whether parts of a first load are left. */
  readonly loading: boolean;
}

/** What can be delivered now: a table that this process does not know, or whose connection is not configured, waits. */
interface Source {
  readonly table: SyncedTable;
  readonly connection: RecordConnection;
}

function sourceOf(context: DeliveryContext, oid: number): Source | undefined {
  const table = context.catalog.byOid(oid);
  const connection = table === undefined ? undefined : context.connections.get(table.connection);
  return table === undefined || connection === undefined ? undefined : { table, connection };
}

/** Changes go first, so that a long load does not keep them waiting; a part of the load follows. */
export async function deliverSome(context: DeliveryContext): Promise<Delivery> {
  const { pool, name, batch } = context;
  const routes = (await records.routes(pool, name)).filter((route) => sourceOf(context, route.tableOid) !== undefined);
  const changes = await records.waiting(
    pool,
    name,
    routes.map((route) => route.tableOid),
    batch,
  );
  if (changes.length > 0) await deliverChanges(context, changes);
  const next = routes.find((route) => route.phase === 'load') ?? (await readyToSweep(context, routes));
  if (next !== undefined) await loadPart(context, next);
  return {
    worked: changes.length > 0 || next !== undefined,
    loading: next !== undefined || routes.some((route) => route.phase !== 'done'),
  };
}

/** A table that has not been listed in full once does not know what is gone. */
async function readyToSweep(
  { pool }: DeliveryContext,
  routes: readonly RouteProgress[],
): Promise<RouteProgress | undefined> {
  if (!routes.some((route) => route.phase === 'sweep')) return undefined;
  const complete = new Set(
    (await tables.health(pool)).flatMap((each) => (each.lastSyncedAt === null ? [] : [each.tableOid])),
  );
  return routes.find((route) => route.phase === 'sweep' && complete.has(route.tableOid));
}

async function deliverChanges(context: DeliveryContext, changes: readonly WaitingChange[]): Promise<void> {
  const { pool, name } = context;
  const stored: DeliveredRecord[] = [];
  const gone: string[] = [];
  for (const oid of new Set(changes.map((change) => change.tableOid))) {
    const source = sourceOf(context, oid);
    if (source === undefined) return;
    const keys = changes.filter((change) => change.tableOid === oid).map((change) => change.key);
    const made = recordsOf(source, await rowsOf(pool, source, keys));
    stored.push(...made.stored);
    gone.push(...made.gone);
  }
  await deliver(context, stored, gone);
  await inTransaction(pool, async (client) => {
    await client.query(planSettings);
    await records.done(client, name, changes);
  });
}

/** Key look-ups are the right plan for a batch, whatever the planner knows of tables that grow as it runs. */
const planSettings = 'SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off';

async function rowsOf(pool: pg.Pool, { table }: Source, keys: readonly string[]): Promise<readonly SourceRow[]> {
  return inTransaction(pool, async (client) => {
    await client.query(planSettings);
    return (await client.query<SourceRow>(recordsOfKeys(table), [keys])).rows;
  });
}

function recordsOf(
  { table, connection }: Source,
  rows: readonly SourceRow[],
): { readonly stored: readonly DeliveredRecord[]; readonly gone: readonly string[] } {
  const sync = syncId(connection.name);
  const { object } = table.resource;
  const stored: DeliveredRecord[] = [];
  const gone: string[] = [];
  for (const row of rows) {
    const id = sequinId(sync, object, row.key);
    if (!row.here || row.payload === null) gone.push(id);
    else {
      stored.push({
        sequinId: id,
        syncId: sync,
        externalId: connection.externalId,
        metadata: connection.metadata,
        collection: object,
        key: row.key,
        payload: row.payload,
        idx: row.idx,
        changed: row.changed,
        created: row.created,
      });
    }
  }
  return { stored, gone };
}

/** Numbers that a join has handed out in its own order, in the order of the records. */
function inOrder(stored: readonly DeliveredRecord[]): readonly DeliveredRecord[] {
  const numbers = stored.map((record) => BigInt(record.idx)).sort((a, b) => (a < b ? -1 : 1));
  return stored.map((record, i) => ({ ...record, idx: String(numbers[i] ?? record.idx) }));
}

const lowestId = '00000000-0000-0000-0000-000000000000';

async function loadPart(context: DeliveryContext, route: RouteProgress): Promise<void> {
  const { pool, name, target, batch } = context;
  const source = sourceOf(context, route.tableOid);
  if (source === undefined) return;
  const { table, connection } = source;
  const advance = (phase: RouteProgress['phase'], position: string): Promise<void> =>
    records.advance(pool, name, route, phase, position);
  if (route.phase === 'load') {
    const found = await pool.query<SourceRow>(recordsBehind(table), [route.position, batch]);
    const last = found.rows.at(-1);
    if (last === undefined) return advance('sweep', lowestId);
    const { stored } = recordsOf(source, found.rows);
    await deliver(context, stored, []);
    return advance('load', last.key);
  }
  const held = await target.collection(syncId(connection.name), table.resource.object, route.position, batch);
  const last = held.at(-1);
  if (last === undefined) return advance('done', '');
  const rows = await rowsOf(
    pool,
    source,
    held.map((each) => each.key),
  );
  await deliver(context, [], recordsOf(source, rows).gone);
  return advance('sweep', last.sequinId);
}

async function deliver(
  { pool, name, target }: DeliveryContext,
  stored: readonly DeliveredRecord[],
  gone: readonly string[],
): Promise<void> {
  const count = await target.deliver(inOrder(stored), gone);
  if (count > 0) await records.delivered(pool, name, count);
}
