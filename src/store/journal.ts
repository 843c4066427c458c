/**
 * The journal: every write is on disk here before anything is sent, and stays until its outcome is final.
 * `upwrite.mutations` is what any role may read of it; `upwrite.mutation_intents` holds the values, for settling.
 *
 * What a write costs the database: one statement with a commit to open it, and one statement inside the transaction
 * that applies it. Each is one round trip; both are prepared once a connection.
 */
import type pg from 'pg';
import type { Json, Queryable } from './database.js';
import { isFinal, type MutationState, statesBefore } from './states.js';

/** Identifies a mutation (a decimal number) and the right to finish it: a later claim makes an earlier ticket void. */
export interface Ticket {
  readonly id: string;
  readonly claim: number;
}

/** A row as it is to be sent. Values by column, in the provider contract's encoding. */
export interface IntentRow {
  /** null on insert, and on upsert where no row here has the record's values. */
  readonly key: string | null;
  readonly values: Readonly<Record<string, Json>>;
  readonly idempotencyKey: string;
}

export type JournalVerb = 'insert' | 'update' | 'delete' | 'upsert';

export interface JournalEntry {
  /** The client's role, for whom the statement runs. */
  readonly role: string;
  readonly connection: string;
  readonly provider: string;
  readonly tableOid: number;
  readonly schema: string;
  readonly table: string;
  readonly verb: JournalVerb;
  readonly rows: readonly IntentRow[];
  /** upsert: the columns by which the API finds the record. */
  readonly conflict?: readonly string[];
  /** The request that it will be, as the provider plans it. */
  readonly method?: string;
  readonly path?: string;
  /**
   * Milliseconds from now after which someone may settle it: beyond the statement's deadline, so that nobody asks the
   * API about a request that may still be on its way, and long enough for the local commit.
   */
  readonly settleAfterMs: number;
  /** `sent` (the default) where the request follows at once; see `MutationState`. */
  readonly state?: 'pending' | 'sent';
}

/** What became of a row. */
export interface RowOutcome {
  readonly outcome: 'applied' | 'rejected' | 'unknown';
  /** The record's key, where it is known. */
  readonly key: string | null;
  /** The record's version after the write, as text, where the API told it. */
  readonly version?: string;
  /** upsert: whether the record is new, where the API told it. */
  readonly created?: boolean;
  /** Why it was rejected, in the API's words. */
  readonly error?: string;
}

/** How a mutation stands. Texts are shown in SQL: no secrets. */
export interface Report {
  readonly state: Exclude<MutationState, 'pending' | 'sent'>;
  /** One for each row, in order; may be left out where no row's outcome is known. */
  readonly rows?: readonly RowOutcome[];
  readonly error?: { readonly sqlstate: string; readonly message: string };
  readonly method?: string;
  readonly path?: string;
  readonly requests?: number;
  readonly requestId?: string;
  readonly upstreamMs?: number;
  readonly localMs?: number;
  /** `unknown` only: milliseconds from now after which it may be settled. Default: as opened. */
  readonly settleAfterMs?: number;
}

/** A mutation without a final outcome that the caller now has to settle. */
export interface Unsettled {
  readonly ticket: Ticket;
  /** The state that it was left in: `pending` was never sent. */
  readonly left: 'pending' | 'unknown';
  readonly role: string;
  readonly connection: string;
  readonly provider: string;
  readonly tableOid: number;
  readonly schema: string;
  readonly table: string;
  readonly verb: JournalVerb;
  /** upsert: the columns by which the API finds the record; otherwise empty. */
  readonly conflict: readonly string[];
  readonly rows: readonly (IntentRow & Partial<RowOutcome>)[];
  /** Epoch milliseconds, by the database's clock. */
  readonly sentAt: number;
  /** Milliseconds since then, by the same clock. */
  readonly age: number;
  /** Claims before this one. */
  readonly attempts: number;
}

/** Whose records are that look like those of an insert. */
export interface Claimed {
  readonly keys: readonly string[];
  readonly twins: boolean;
}

/** A mutation that another process settles or has settled. The transaction at hand must be rolled back. */
export class NotOwner extends Error {
  readonly ticket: Ticket;

  constructor(ticket: Ticket) {
    super(`journal entry ${ticket.id} is settled by someone else`);
    this.name = 'NotOwner';
    this.ticket = ticket;
  }
}

export interface Journal {
  /** Puts the intent on disk: committed when it returns. One round trip. */
  open(entry: JournalEntry): Promise<Ticket>;
  /** pending → sent, committed when it returns. */
  markSent(ticket: Ticket): Promise<void>;
  /**
   * Writes the outcome, in the transaction that applies it (holding the table's shared lock) or, where there is nothing
   * to apply, on its own. Applied rows are noted so that no older page of the API undoes them. A final state erases the
   * values. Throws `NotOwner`, and then changes nothing.
   */
  finish(db: Queryable, ticket: Ticket, report: Report): Promise<void>;
  /** Nothing was sent, and nothing will be. */
  cancel(ticket: Ticket, error?: Report['error']): Promise<void>;
  /** The API took no row. */
  refuse(ticket: Ticket, report: Omit<Report, 'state'>): Promise<void>;
  /** No answer came, or the local commit failed: it is to be settled. */
  markUnknown(ticket: Ticket, report: Omit<Report, 'state'>): Promise<void>;
  /**
   * Takes up to `limit` mutations whose time to settle has come and whose owner is this process or dead. They are the
   * caller's for `forMs`, then open to a new claim; `markUnknown` puts one back for later.
   */
  claimUnsettled(limit: number, forMs: number): Promise<readonly Unsettled[]>;
  /** The state of a mutation; null where it was pruned. */
  stateOf(ticket: Ticket): Promise<MutationState | null>;
  /**
   * Of records that an insert of unknown outcome may have made (null: of all since then): those that other entries have
   * as made by them. With `twins` where an insert of the same values is still waiting for its answer, so that nobody can
   * say whose they are.
   */
  claimedBy(db: Queryable, entry: Unsettled, keys: readonly string[] | null): Promise<Claimed>;
  /** Of these records, the ones that an entry without a final outcome changes: what is here of them may be old. */
  inDoubt(db: Queryable, tableOid: number, keys: readonly string[]): Promise<readonly string[]>;
  /** Deletes entries with a final outcome that are older than `retentionMs`; answers how many. */
  prune(retentionMs: number): Promise<number>;
}

const openSql = `
  WITH mutation AS (
    INSERT INTO upwrite.mutations
      (role, connection, provider, table_oid, schema_name, table_name, verb, rows, state, method, path)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id)
  INSERT INTO upwrite.mutation_intents (mutation_id, owner, intent, settle_after, sent_at, conflict)
  SELECT id, $12, $13, clock_timestamp() + $14 * interval '1 millisecond', clock_timestamp(), $15 FROM mutation
  RETURNING mutation_id AS id`;

const markSentSql = `
  WITH mine AS (
    UPDATE upwrite.mutation_intents SET sent_at = clock_timestamp() WHERE mutation_id = $1 AND claim = $2
    RETURNING mutation_id)
  UPDATE upwrite.mutations SET state = 'sent' WHERE id = (SELECT mutation_id FROM mine) AND state = 'pending'`;

/**
 * $1 id, $2 claim, $3 state, $4 whether it is final, $5 the states it may come from, $6 the outcomes, $7 delay.
 * The entry's row is locked first, so that of two who would finish it the second finds it finished.
 */
const finishSql = `
  WITH mine AS (
    SELECT m.id, m.table_oid, m.verb FROM upwrite.mutations m
    JOIN upwrite.mutation_intents i ON i.mutation_id = m.id
    WHERE m.id = $1 AND i.claim = $2 AND m.state = ANY ($5) FOR UPDATE),
  outcome AS (
    SELECT o.value, o.ordinality FROM jsonb_array_elements($6::jsonb) WITH ORDINALITY o),
  intent AS (
    UPDATE upwrite.mutation_intents i SET
      settle_after = CASE WHEN $4 THEN NULL
        ELSE coalesce(clock_timestamp() + $7 * interval '1 millisecond', settle_after) END,
      intent = (
        SELECT jsonb_agg((CASE WHEN $4 THEN e.value - 'values' ELSE e.value END) || coalesce(o.value, '{}')
                         ORDER BY e.ordinality)
        FROM jsonb_array_elements(i.intent) WITH ORDINALITY e LEFT JOIN outcome o USING (ordinality))
    FROM mine WHERE i.mutation_id = mine.id),
  written AS (
    INSERT INTO upwrite.recent_writes AS w (table_oid, key, write_order, version, deleted)
    SELECT DISTINCT ON (o.value ->> 'key') mine.table_oid, o.value ->> 'key', nextval('upwrite.write_order'),
      o.value ->> 'version', mine.verb = 'delete'
    FROM outcome o, mine WHERE o.value ->> 'outcome' = 'applied' AND o.value ->> 'key' IS NOT NULL
    ON CONFLICT (table_oid, key) DO UPDATE SET
      write_order = EXCLUDED.write_order, version = EXCLUDED.version, deleted = EXCLUDED.deleted, at = EXCLUDED.at)
  UPDATE upwrite.mutations m SET
    state = $3,
    applied_rows = CASE WHEN $4 OR EXISTS (SELECT FROM outcome)
      THEN (SELECT count(*) FROM outcome o WHERE o.value ->> 'outcome' = 'applied') END,
    sqlstate = $8, error = $9,
    method = coalesce($10, method), path = coalesce($11, path), requests = coalesce($12, requests),
    request_id = coalesce($13, request_id), upstream_ms = coalesce($14, upstream_ms),
    local_ms = coalesce($15, local_ms),
    settled_at = CASE WHEN $4 THEN clock_timestamp() END
  FROM mine WHERE m.id = mine.id`;

/** A claim of a `sent` mutation turns it into `unknown`: whoever waited for its answer is too late. */
const claimSql = `
  WITH due AS (
    SELECT i.mutation_id FROM upwrite.mutation_intents i
    WHERE i.settle_after <= clock_timestamp()
      AND (i.owner = $1 OR NOT EXISTS (
        SELECT FROM upwrite.processes p WHERE p.id = i.owner AND p.lease_until > clock_timestamp()))
    ORDER BY i.settle_after LIMIT $2 FOR UPDATE SKIP LOCKED),
  intent AS (
    UPDATE upwrite.mutation_intents i SET owner = $1, claim = i.claim + 1, attempts = i.attempts + 1,
      settle_after = clock_timestamp() + $3 * interval '1 millisecond'
    FROM due WHERE i.mutation_id = due.mutation_id RETURNING i.*),
  moved AS (
    UPDATE upwrite.mutations m SET state = 'unknown' FROM due WHERE m.id = due.mutation_id AND m.state = 'sent')
  SELECT m.id, i.claim, m.state, m.role, m.connection, m.provider, m.table_oid, m.schema_name, m.table_name, m.verb,
    i.intent, i.conflict, i.sent_at, i.attempts - 1 AS attempts,
    extract(epoch FROM clock_timestamp() - i.sent_at)::float8 * 1000 AS age
  FROM intent i JOIN upwrite.mutations m ON m.id = i.mutation_id ORDER BY m.id`;

/**
 * An entry may be an hour older than a record that it made: that long may a write take. An upsert has made what the API
 * said was new; what it found may be the very record that is looked for.
 */
const claimedSql = `
  WITH others AS (
    SELECT m.verb, m.state, e.value AS row FROM upwrite.mutations m
    JOIN upwrite.mutation_intents i ON i.mutation_id = m.id, jsonb_array_elements(i.intent) e
    WHERE m.table_oid = $1 AND m.verb IN ('insert', 'upsert') AND m.id <> $2
      AND m.at >= to_timestamp($3::float8 / 1000) - interval '1 hour')
  SELECT ARRAY(SELECT DISTINCT row ->> 'key' FROM others
      WHERE row ->> 'outcome' = 'applied' AND (verb = 'insert' OR row ->> 'created' = 'true')
        AND ($4::text[] IS NULL OR row ->> 'key' = ANY ($4))) AS keys,
    EXISTS (SELECT FROM others JOIN jsonb_array_elements($5::jsonb) mine ON mine.value = row -> 'values'
      WHERE state = 'sent') AS twins`;

const inDoubtSql = `
  SELECT DISTINCT e.value ->> 'key' AS key FROM upwrite.mutation_intents i
  JOIN upwrite.mutations m ON m.id = i.mutation_id, jsonb_array_elements(i.intent) e
  WHERE i.settle_after IS NOT NULL AND m.table_oid = $1 AND e.value ->> 'key' = ANY ($2)`;

const pruneSql = `
  WITH old AS (
    DELETE FROM upwrite.mutations WHERE id IN (
      SELECT id FROM upwrite.mutations
      WHERE at < clock_timestamp() - $1 * interval '1 millisecond' AND settled_at IS NOT NULL
      ORDER BY at LIMIT 10000)
    RETURNING id)
  DELETE FROM upwrite.mutation_intents i USING old WHERE i.mutation_id = old.id`;

interface ClaimedRow {
  readonly id: string;
  readonly claim: number;
  readonly state: MutationState;
  readonly role: string;
  readonly connection: string;
  readonly provider: string;
  readonly table_oid: number;
  readonly schema_name: string;
  readonly table_name: string;
  readonly verb: Unsettled['verb'];
  readonly intent: Unsettled['rows'];
  readonly conflict: readonly string[] | null;
  readonly sent_at: Date;
  readonly age: number;
  readonly attempts: number;
}

/** The journal, with this process's lease as the owner of what it opens and claims. */
export function openJournal(pool: pg.Pool, owner: string): Journal {
  const finish: Journal['finish'] = async (db, ticket, report) => {
    const result = await db.query({ name: 'upwrite_finish', text: finishSql, values: finishValues(ticket, report) });
    if (result.rowCount === 0) throw new NotOwner(ticket);
  };
  return {
    open: (entry) => open(pool, owner, entry),
    markSent: async (ticket) => {
      const result = await pool.query({ name: 'upwrite_sent', text: markSentSql, values: [ticket.id, ticket.claim] });
      if (result.rowCount === 0) throw new NotOwner(ticket);
    },
    finish,
    cancel: (ticket, error) => finish(pool, ticket, { state: 'cancelled', ...(error === undefined ? {} : { error }) }),
    refuse: (ticket, report) => finish(pool, ticket, { ...report, state: 'refused' }),
    markUnknown: (ticket, report) => finish(pool, ticket, { ...report, state: 'unknown' }),
    claimUnsettled: async (limit, forMs) => {
      const result = await pool.query<ClaimedRow>(claimSql, [owner, limit, forMs]);
      return result.rows.map(unsettled);
    },
    stateOf: async (ticket) => {
      const result = await pool.query<{ state: MutationState }>('SELECT state FROM upwrite.mutations WHERE id = $1', [
        ticket.id,
      ]);
      return result.rows[0]?.state ?? null;
    },
    claimedBy: async (db, entry, keys) => {
      const values = JSON.stringify(entry.rows.map((row) => row.values));
      const parameters = [entry.tableOid, entry.ticket.id, entry.sentAt, keys, values];
      const result = await db.query<Claimed>(claimedSql, parameters);
      return result.rows[0] ?? { keys: [], twins: false };
    },
    inDoubt: async (db, tableOid, keys) => {
      const result = await db.query<{ key: string }>({
        name: 'upwrite_in_doubt',
        text: inDoubtSql,
        values: [tableOid, keys],
      });
      return result.rows.map((row) => row.key);
    },
    prune: async (retentionMs) => {
      let total = 0;
      for (;;) {
        const result = await pool.query(pruneSql, [retentionMs]);
        const count = result.rowCount ?? 0;
        total += count;
        if (count === 0) return total;
      }
    },
  };
}

async function open(pool: pg.Pool, owner: string, entry: JournalEntry): Promise<Ticket> {
  const result = await pool.query<{ id: string }>({
    name: 'upwrite_open',
    text: openSql,
    values: [
      entry.role,
      entry.connection,
      entry.provider,
      entry.tableOid,
      entry.schema,
      entry.table,
      entry.verb,
      entry.rows.length,
      entry.state ?? 'sent',
      entry.method ?? null,
      entry.path ?? null,
      owner,
      JSON.stringify(entry.rows),
      entry.settleAfterMs,
      entry.conflict ?? null,
    ],
  });
  const row = result.rows[0];
  if (row === undefined) throw new Error('the journal returned no id');
  return { id: row.id, claim: 0 };
}

function finishValues(ticket: Ticket, report: Report): unknown[] {
  return [
    ticket.id,
    ticket.claim,
    report.state,
    isFinal(report.state),
    statesBefore(report.state),
    JSON.stringify((report.rows ?? []).map(storedOutcome)),
    report.settleAfterMs ?? null,
    report.error?.sqlstate ?? null,
    report.error?.message ?? null,
    report.method ?? null,
    report.path ?? null,
    report.requests ?? null,
    report.requestId ?? null,
    report.upstreamMs ?? null,
    report.localMs ?? null,
  ];
}

/** An unknown key must not erase the one that the intent has. */
function storedOutcome(row: RowOutcome): Readonly<Record<string, Json>> {
  return {
    outcome: row.outcome,
    ...(row.key === null ? {} : { key: row.key }),
    ...(row.version === undefined ? {} : { version: row.version }),
    ...(row.created === undefined ? {} : { created: row.created }),
    ...(row.error === undefined ? {} : { error: row.error }),
  };
}

/** The state is as it was before the claim's own change: within one statement all see the same snapshot. */
function unsettled(row: ClaimedRow): Unsettled {
  return {
    ticket: { id: row.id, claim: row.claim },
    left: row.state === 'pending' ? 'pending' : 'unknown',
    role: row.role,
    connection: row.connection,
    provider: row.provider,
    tableOid: row.table_oid,
    schema: row.schema_name,
    table: row.table_name,
    verb: row.verb,
    conflict: row.conflict ?? [],
    rows: row.intent,
    sentAt: row.sent_at.getTime(),
    age: row.age,
    attempts: row.attempts,
  };
}
