/** `upwrite status`: every table and how it is doing, for a person or as JSON. */
import type pg from 'pg';
import {
  type RecordTargetHealth,
  records,
  type TableHealth,
  tables,
  type VerificationHealth,
  verification,
} from '../store/index.js';

/** An Upwrite process at work on the database. */
interface Process {
  readonly kind: string;
  readonly host: string;
  readonly pid: number;
  readonly startedAt: Date;
}

interface Status {
  readonly tables: readonly TableHealth[];
  /** The truth check, by the table's oid. */
  readonly verified: ReadonlyMap<number, VerificationHealth>;
  /** The generic records tables. */
  readonly records: readonly RecordTargetHealth[];
  /** Epoch milliseconds by the database's clock. */
  readonly now: number;
  readonly processes: readonly Process[];
  /** Journal entries without a final outcome. */
  readonly openWrites: number;
}

/** Reads it from the database: any process's view, since none has one of its own. */
export async function readStatus(pool: pg.Pool): Promise<Status> {
  const processes = await pool.query<{ kind: string; host: string; pid: number; started_at: Date }>(
    `SELECT kind, host, pid, started_at FROM upwrite.processes WHERE lease_until > clock_timestamp()
     ORDER BY started_at`,
  );
  const open = await pool.query<{ n: string }>(
    'SELECT count(*) AS n FROM upwrite.mutation_intents WHERE settle_after IS NOT NULL',
  );
  const clock = await pool.query<{ now: Date }>('SELECT clock_timestamp() AS now');
  const verified = await verification.health(pool);
  return {
    tables: await tables.health(pool),
    verified: new Map(verified.map((each) => [each.tableOid, each])),
    records: await records.health(pool),
    now: clock.rows[0]?.now.getTime() ?? Date.now(),
    processes: processes.rows.map(({ kind, host, pid, started_at: startedAt }) => ({ kind, host, pid, startedAt })),
    openWrites: Number(open.rows[0]?.n ?? 0),
  };
}

const iso = (time: number | null): string | null => (time === null ? null : new Date(time).toISOString());

/** Times as ISO 8601, durations in seconds. */
export function statusJson(status: Status): string {
  const list = status.tables.map((table) => ({
    schema: table.schema,
    table: table.name,
    connection: table.connection,
    provider: table.provider,
    state: table.state,
    reason: table.reason,
    warning: table.warning,
    since: iso(table.since),
    pages: table.pages,
    rows: table.rows,
    expected_rows: table.expectedRows,
    rows_per_second: table.rowsPerSecond,
    expected_at: iso(table.expectedAt),
    last_synced_at: iso(table.lastSyncedAt),
    last_full_listing_at: iso(table.sweptAt),
    max_age_seconds: table.maxAge === null ? null : table.maxAge / 1000,
    age_seconds: table.lastSyncedAt === null ? null : Math.max(0, table.now - table.lastSyncedAt) / 1000,
    ...verifiedJson(status.verified.get(table.tableOid)),
  }));
  const targets = status.records.map(({ since, waitingSince, lastDeliveredAt, ...target }) => ({
    ...target,
    since: iso(since),
    waiting_since: iso(waitingSince),
    last_delivered_at: iso(lastDeliveredAt),
  }));
  const processes = status.processes.map(({ startedAt, ...process }) => ({
    ...process,
    started_at: startedAt.toISOString(),
  }));
  return JSON.stringify({ tables: list, records: targets, processes, open_writes: status.openWrites }, undefined, 2);
}

function verifiedJson(found: VerificationHealth | undefined): object {
  if (found === undefined) return { verified_share: null, mismatches: 0, last_mismatch_at: null };
  const { share, mismatches, lastMismatchAt } = found;
  return { verified_share: share, mismatches, last_mismatch_at: iso(lastMismatchAt) };
}

/** Lines for a terminal. */
export function statusLines({ tables: all, records: targets, now, processes, openWrites }: Status): readonly string[] {
  const rows = all.map((table) => [
    `${table.schema}.${table.name}`,
    table.state,
    span(table.now - table.since),
    table.lastSyncedAt === null ? '–' : span(table.now - table.lastSyncedAt),
    table.maxAge === null ? '–' : span(table.maxAge),
    [noteOf(table), table.warning ?? ''].filter((note) => note !== '').join('; '),
  ]);
  const counts = new Map<string, number>();
  for (const { state } of all) counts.set(state, (counts.get(state) ?? 0) + 1);
  const summary = [...counts].map(([state, count]) => `${count} ${state}`).join(', ');
  return [
    ...aligned([['TABLE', 'STATE', 'FOR', 'AGE', 'EVERY', ''], ...rows]),
    '',
    ...targetLines(targets, now),
    `${all.length} ${all.length === 1 ? 'table' : 'tables'}${summary === '' ? '' : `: ${summary}`}`,
    `${processes.length} ${processes.length === 1 ? 'process' : 'processes'}${processes
      .map(({ kind, host, pid }, i) => `${i === 0 ? ': ' : ', '}${kind} on ${host} (pid ${pid})`)
      .join('')}`,
    ...(openWrites === 0 ? [] : [`${openWrites} writes without a final outcome`]),
  ];
}

/** The generic records tables, if there are any. */
function targetLines(targets: readonly RecordTargetHealth[], now: number): readonly string[] {
  if (targets.length === 0) return [];
  const rows = targets.map(({ name, state, reason, since, waiting, delivered }) => [
    name,
    state,
    span(now - since),
    String(waiting),
    String(delivered),
    reason ?? '',
  ]);
  return [...aligned([['RECORDS', 'STATE', 'FOR', 'WAITING', 'DELIVERED', ''], ...rows]), ''];
}

/** Progress while everything is listed, the reason where something is wrong. */
function noteOf(table: TableHealth): string {
  if (table.state !== 'backfilling') return table.reason ?? '';
  const of = table.expectedRows === null || table.expectedRows < table.rows ? '' : ` of ${table.expectedRows}`;
  const share =
    table.expectedRows === null || table.expectedRows <= 0
      ? ''
      : ` (${Math.min(100, Math.floor((table.rows / table.expectedRows) * 100))} %)`;
  const rate = table.rowsPerSecond === null ? '' : `, ${Math.round(table.rowsPerSecond)} a second`;
  const left = table.expectedAt === null ? '' : `, ${span(table.expectedAt - table.now)} left`;
  return `${table.rows}${of} rows${share}, ${table.pages} pages${rate}${left}`;
}

/** A duration in milliseconds in its two largest units. */
function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  const units: readonly (readonly [number, string, number, string])[] = [
    [86_400, 'd', 3600, 'h'],
    [3600, 'h', 60, 'm'],
    [60, 'm', 1, 's'],
  ];
  const [size, name, below, belowName] = units.find(([least]) => seconds >= least) ?? [60, 'm', 1, 's'];
  const rest = Math.floor((seconds % size) / below);
  return `${Math.floor(seconds / size)}${name}${rest === 0 ? '' : ` ${rest}${belowName}`}`;
}

function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
