/** Whether everything is as it should be once the journal has come to rest: journal, database and APIs agree. */
import type { JsonObject } from '../../fixtures/kit/index.js';
import { waitFor } from '../support/wait.js';
import type { Api, Bench } from './bench.js';
import type { Ledger, Seen } from './ledger.js';

type Row = Readonly<Record<string, unknown>>;

const tableOf: Readonly<Record<Api, string>> = { salesforce: 'salesforce.contacts', partial: 'partial.items' };
const apis: readonly Api[] = ['salesforce', 'partial'];

/** Every record of an API, deleted ones included. */
async function allRecords(bench: Bench, api: Api): Promise<readonly JsonObject[]> {
  const path = api === 'salesforce' ? 'state/Contact' : 'state';
  return (await bench.control(api, 'GET', path)) as readonly JsonObject[];
}

const isDeleted = (record: JsonObject): boolean => record['IsDeleted'] === true || record['deleted'] === true;
const keyOf = (record: JsonObject): string => String(record['Id'] ?? record['id']);

/** The API's records as the ledger sees them. */
export async function seen(bench: Bench): Promise<readonly Seen[]> {
  const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
  const number = (value: unknown): number | null => (typeof value === 'number' ? value : null);
  const lists = await Promise.all(apis.map((api) => allRecords(bench, api)));
  return lists.flat().map((record) => ({
    key: keyOf(record),
    deleted: isDeleted(record),
    marker: text(record['LastName'] ?? record['name']) ?? '',
    note: text(record['Note__c'] ?? record['note']),
    n: number(record['Visits__c'] ?? record['n']),
  }));
}

/** Keys of every record there is now, made by whomever. */
export async function knownKeys(bench: Bench): Promise<ReadonlySet<string>> {
  return new Set((await seen(bench)).map((record) => record.key));
}

/** Waits until no journal entry is without a final state. */
export async function settled(bench: Bench, deadlineMs = 30_000 * bench.pace): Promise<void> {
  await waitFor(
    'every journal entry to be settled',
    async () => {
      const open = await bench.direct(
        "SELECT id FROM upwrite.mutations WHERE state IN ('pending', 'sent', 'unknown') LIMIT 1",
      );
      return open.length === 0;
    },
    deadlineMs,
  );
}

/** Waits until every Upwrite that was killed counts as dead, and its tables are anybody's. */
export async function leasesOver(bench: Bench): Promise<void> {
  const areOver = async (): Promise<boolean> => {
    const alive = await bench.direct('SELECT FROM upwrite.processes WHERE lease_until > clock_timestamp()');
    return alive.length === 0;
  };
  await waitFor('the leases to run out', areOver, 20_000 * bench.pace);
}

/** A value in the one form in which a column and a field of the API can be compared. */
function plain(value: unknown, type: string): string {
  if (value === null || value === undefined) return 'null';
  if (type === 'timestamptz') return new Date(String(value).replace('+0000', 'Z')).toISOString();
  if (['integer', 'bigint', 'numeric', 'double precision'].includes(type)) return String(Number(value));
  if (type === 'text[]') return [...(Array.isArray(value) ? value : String(value).split(';'))].sort().join(';');
  if (type === 'time') return String(value).replace(/(\.0+)?Z?$/, '');
  if (type === 'jsonb') return JSON.stringify(value, Object.keys(Object(value)).sort());
  return String(value);
}

interface Described {
  readonly name: string;
  readonly field: string;
  readonly type: string;
}

/** Every difference between a table's rows and the API's records. */
async function differences(bench: Bench, api: Api): Promise<readonly string[]> {
  const name = tableOf[api];
  const [described] = await bench.direct<{ columns: readonly Described[] }>(
    "SELECT resource -> 'columns' AS columns FROM upwrite.table_details WHERE table_oid = $1::regclass",
    [name],
  );
  const rows = await bench.direct<{ row: Row }>(`SELECT to_jsonb(t) AS row FROM ${name} t`);
  const live = (await allRecords(bench, api)).filter((record) => !isDeleted(record));
  const byKey = new Map(rows.map(({ row }) => [String(row['id']), row]));
  const found: string[] = [];
  for (const record of live) {
    const key = keyOf(record);
    const row = byKey.get(key);
    byKey.delete(key);
    if (row === undefined) {
      found.push(`${name} lacks ${key}`);
      continue;
    }
    for (const column of described?.columns ?? []) {
      const [here, there] = [plain(row[column.name], column.type), plain(record[column.field], column.type)];
      if (here !== there) found.push(`${name} ${key} ${column.name}: ${here}, at the API ${there}`);
    }
  }
  for (const key of byKey.keys()) found.push(`${name} has ${key}, the API has not`);
  return found;
}

/** Waits until the tables equal the APIs' records; answers what still differs at the deadline. */
async function drift(bench: Bench, deadlineMs = 15_000 * bench.pace): Promise<readonly string[]> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const found = (await Promise.all(apis.map((api) => differences(bench, api)))).flat();
    if (found.length === 0 || Date.now() > end) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The records that the journal says Upwrite's inserts have made since, against those that there are. */
async function claims(bench: Bench, before: ReadonlySet<string>, since: string): Promise<readonly string[]> {
  const rows = await bench.direct<{ key: string; ids: readonly string[] }>(
    `SELECT e.value ->> 'key' AS key, array_agg(m.id::text) AS ids
     FROM upwrite.mutations m JOIN upwrite.mutation_intents i ON i.mutation_id = m.id, jsonb_array_elements(i.intent) e
     WHERE m.id > $1 AND m.verb = 'insert' AND e.value ->> 'outcome' = 'applied' GROUP BY 1`,
    [since],
  );
  const found: string[] = [];
  const claimed = new Set<string>();
  for (const { key, ids } of rows) {
    claimed.add(key);
    if (ids.length > 1) found.push(`DOUBLED ${key} is claimed by the journal entries ${ids.join(', ')}`);
  }
  const made = (await seen(bench)).filter((record) => !before.has(record.key));
  for (const { key, marker } of made) {
    if (!claimed.delete(key)) found.push(`LOST ${key} (${marker}) was made and no journal entry says so`);
  }
  for (const key of claimed) found.push(`UNTRUE ${key} is claimed and was not made`);
  return found;
}

/** Has clients that were told to look into the journal do so; answers what they do not find there. */
async function readJournal(bench: Bench, ledger: Ledger): Promise<readonly string[]> {
  const rows = await bench.direct<{ id: string; outcomes: readonly { outcome?: string; key?: string }[] }>(
    `SELECT m.id::text, i.intent AS outcomes FROM upwrite.mutations m
     JOIN upwrite.mutation_intents i ON i.mutation_id = m.id WHERE m.id::text = ANY ($1)`,
    [ledger.doubts],
  );
  for (const { id, outcomes } of rows) {
    ledger.settled(
      id,
      outcomes.map(({ outcome, key }) => ({ applied: outcome === 'applied', key: key ?? null })),
    );
  }
  return ledger.doubts.map((id) => `UNTRUE journal entry ${id} was named to a client and is not there`);
}

/** The number of the journal's last entry. */
export async function lastEntry(bench: Bench): Promise<string> {
  const [row] = await bench.direct<{ id: string }>('SELECT coalesce(max(id), 0)::text AS id FROM upwrite.mutations');
  return row?.id ?? '0';
}

/** Everything that is wrong since a moment: `before` its records, `since` its last journal entry. */
export async function wrongs(
  bench: Bench,
  ledger: Ledger,
  before: ReadonlySet<string>,
  since: string,
): Promise<readonly string[]> {
  await settled(bench);
  const drifted = (await drift(bench)).map((what) => `DRIFT ${what}`);
  const undecided = await bench.direct<{ id: string }>(
    "SELECT id::text FROM upwrite.mutations WHERE id > $1 AND state = 'undecided'",
    [since],
  );
  const missing = await readJournal(bench, ledger);
  return [
    ...missing,
    ...drifted,
    ...undecided.map(({ id }) => `UNDECIDED journal entry ${id}`),
    ...ledger.contradictions(await seen(bench)),
    ...(await claims(bench, before, since)),
  ];
}
