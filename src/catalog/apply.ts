/** One planned table brought about: its statements and its registration, in one transaction. */
import type pg from 'pg';
import type { Resource } from '../provider/index.js';
import { catalogChannel } from './catalog.js';
import { inspectTable } from './inspect.js';
import { asJson, sameJson } from './json.js';
import { remember } from './known.js';
import { qualified } from './names.js';
import { hasNews } from './news.js';
import type { PlannedTable } from './plan.js';
import type { RegisteredTable, TableEntry, TableRegistry } from './port.js';
import { parseNames, parseResource } from './snapshot.js';

/** What became of a planned table. */
export interface TableOutcome {
  readonly connection: string;
  readonly table: string;
  /** The statements that were run; none where the table was not to be changed or could not be. */
  readonly statements: readonly string[];
  /** Why statements that were to be run were not. */
  readonly waiting: string | null;
}

export interface ApplyContext {
  readonly client: pg.PoolClient;
  readonly registry: TableRegistry;
  readonly before: readonly RegisteredTable[];
  /** Milliseconds to wait in all for a table's lock. */
  readonly patience: number;
  readonly onNote: (table: string, note: string) => void;
}

/**
 * Milliseconds that one try waits for a table's lock. Whoever comes after has to wait as long behind it, readers too,
 * so it is short, and tries are apart.
 */
const tryFor = 200;
const pauseBetween = 400;

/** Runs the statements of a table and registers it; where its lock is not to be had in time, only what needs none. */
export async function applyTable(context: ApplyContext, planned: PlannedTable): Promise<TableOutcome> {
  const { statements } = planned;
  const table = `${planned.schema}.${planned.name}`;
  const deadline = Date.now() + context.patience;
  for (;;) {
    try {
      await inTransaction(context.client, async () => {
        if (statements.length > 0) await runStatements(context.client, planned);
        await register(context, planned, planned.resource, planned.notes);
      });
      return { connection: planned.connection, table, statements, waiting: null };
    } catch (error) {
      const why = refusalOf(error);
      if (why === undefined) throw error;
      if (why === lockMissed && Date.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, pauseBetween * (0.5 + Math.random())));
      } else if (planned.present === null) throw error;
      else return leaveTable(context, planned, why);
    }
  }
}

const lockMissed = 'its lock was not to be had in time';

/** Why the database did not do it; undefined where it may be away, or something else is wrong. */
function refusalOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  // lock_not_available, deadlock_detected
  if (code === '55P03' || code === '40P01') return lockMissed;
  const refused = /^(?:0A|2B|22|23|42|55)/.test(code) && code.length === 5;
  return refused && error instanceof Error ? `the database refused it: ${error.message}` : undefined;
}

/** Registers a table as far as it can be mirrored without its statements; one that does not exist is left alone. */
export async function leaveTable(context: ApplyContext, planned: PlannedTable, why: string): Promise<TableOutcome> {
  const { present, statements } = planned;
  const table = `${planned.schema}.${planned.name}`;
  const pending = statements.map((statement) => `waiting for "upwrite apply": ${statement}`);
  if (present === null) {
    context.onNote(table, 'the table does not exist yet, "upwrite apply" makes it');
  } else {
    const notes = [...pending, ...planned.notes];
    await inTransaction(context.client, () => register(context, planned, present, notes));
  }
  return { connection: planned.connection, table, statements: [], waiting: statements.length === 0 ? null : why };
}

async function inTransaction(client: pg.PoolClient, work: () => Promise<void>): Promise<void> {
  await client.query(`BEGIN; SET LOCAL lock_timeout = ${tryFor}`);
  try {
    await work();
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  }
}

async function runStatements(client: pg.PoolClient, planned: PlannedTable): Promise<void> {
  if (planned.oid !== null) {
    const found = await client.query<{ name: string }>('SELECT $1::oid::regclass::text AS name', [planned.oid]);
    // All statements at once or none: the strongest lock of them comes first.
    await client.query(`LOCK TABLE ${found.rows[0]?.name ?? qualified(planned)} IN ACCESS EXCLUSIVE MODE`);
  }
  for (const statement of planned.statements) await client.query(statement);
}

async function register(
  { client, registry, before, onNote }: ApplyContext,
  planned: PlannedTable,
  resource: Resource,
  notes: readonly string[],
): Promise<void> {
  const oid = planned.oid ?? (await inspectTable(client, planned.schema, planned.name))?.oid;
  if (oid === undefined) {
    throw new Error(`table "${planned.schema}"."${planned.name}" disappeared while it was installed`);
  }
  const last = before.find((known) => known.tableOid === oid);
  const lastResource = last === undefined ? null : parseResource(last.resource, `${planned.schema}.${planned.name}`);
  const names = lastResource === null ? {} : parseNames(last?.names ?? {}, lastResource);
  const place = await placeOf(client, oid);
  const entry: TableEntry = {
    tableOid: oid,
    connection: planned.connection,
    provider: planned.provider,
    object: resource.object,
    ...place,
    resource: asJson(resource),
    limits: asJson(planned.limits),
    names: asJson(remember(names, planned.names)),
  };
  if (last === undefined || !last.attached || last.held !== planned.held || !sameEntry(last, entry)) {
    await registry.register(client, entry);
    if (last !== undefined && hasNews(last, resource, planned.connection)) await registry.relist(client, oid);
    await registry.hold(client, oid, planned.held);
    await client.query(`NOTIFY ${catalogChannel}`);
  }
  if (JSON.stringify(last?.notes ?? []) !== JSON.stringify(notes)) {
    await registry.note(client, oid, notes);
    for (const note of notes) onNote(`${place.schema}.${place.name}`, note);
  }
}

/** Where a table is, in a transaction that may just have moved it. */
async function placeOf(client: pg.ClientBase, oid: number): Promise<{ schema: string; name: string }> {
  const found = await client.query<{ schema: string; name: string }>(
    'SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1',
    [oid],
  );
  const row = found.rows[0];
  if (row === undefined) throw new Error(`table ${oid} disappeared while it was installed`);
  return row;
}

function sameEntry(a: RegisteredTable, b: TableEntry): boolean {
  const { attached: _attached, definition: _definition, held: _held, notes: _notes, ...entry } = a;
  return sameJson(entry, b);
}
