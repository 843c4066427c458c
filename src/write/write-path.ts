/**
 * The way of a mutation: evaluate → lock → journal → confirm → apply. Each phase is a function; this file is their order.
 *
 * Whatever fails before `confirm` leaves nothing behind anywhere. From `confirm` on the journal entry says what is known,
 * and `settle` brings it to an end if this process does not.
 */
import type pg from 'pg';
import type { Catalog, SyncedTable } from '../catalog/index.js';
import { FaultError, fault, raise } from '../errors/index.js';
import type { Batch, BatchRow, Session, Verb, WriteResult } from '../provider/index.js';
import { isDatabaseAway, type Journal, type JournalEntry, sqlstateOf, type Ticket } from '../store/index.js';
import { DatabaseRefusal, type Evaluation, type LentSession, SessionGone } from '../upstream/index.js';
import { applyAnswer } from './apply.js';
import { batchRows } from './batch.js';
import { confirm } from './confirmed.js';
import { Gate, type GateOptions } from './gate.js';
import { Known } from './known.js';
import { type Locked, type Locking, lockRows, lockTable } from './locking.js';
import { clientError, judge, type Verdict } from './outcome.js';
import { type Changes, reconcile } from './reconcile.js';
import { refreshLocked, refreshRows } from './refresh.js';
import { evaluateReturning } from './returning.js';
import { Stop } from './stop.js';
import { lockUpsert, type UpsertTarget } from './upsert.js';
import type { Boundary, WriteLog } from './watch.js';
import { Writer } from './writer.js';

export interface WritePathOptions extends GateOptions {
  /** Connections of Upwrite's own role; at least as many as writes in flight. */
  readonly pool: pg.Pool;
  readonly catalog: Catalog;
  readonly journal: Journal;
  /** The provider's session of a connection. */
  session(connection: string): Session | undefined;
  readonly log: WriteLog;
  /** Milliseconds to wait for a lock on a row. */
  readonly lockTimeout: number;
  /** Milliseconds that one write may take in all, waiting for quota included; a statement_timeout may be shorter. */
  readonly timeout: number;
  /** Milliseconds that a request under way has to be answered after its statement was stopped. */
  readonly stopGrace: number;
  /** Called at the boundaries of a write; tests cut it there. */
  readonly boundary?: (name: Boundary) => Promise<void>;
}

/** What a mutation did. */
export interface Written {
  readonly rows: number;
  /** What the API left out although it applied the rows. */
  readonly remarks?: readonly string[];
}

/** The locked rows; an upsert knows what each of them is here. */
interface LockedRows extends Locked {
  readonly targets?: readonly UpsertTarget[];
}

export class WritePath {
  readonly #o: WritePathOptions;
  readonly gate: Gate;
  /** What could not be put in the journal, for whoever settles. */
  readonly known = new Known();

  constructor(options: WritePathOptions) {
    this.#o = options;
    this.gate = new Gate(options);
  }

  /** Runs one mutation to its end. Throws FaultError, DatabaseRefusal or SessionGone; see MutationPort. */
  async run(lent: LentSession): Promise<Written> {
    const table = this.#tableOf(lent);
    const stop = new Stop(lent.signal, await lent.statementTimeout());
    try {
      const first = await this.#evaluate(lent, table);
      stop.check(table.provider);
      if (first.total === 0) return { rows: 0 };
      const leave = await this.#enter(table, stop);
      try {
        return await this.#write(lent, table, stop, first);
      } finally {
        leave();
      }
    } catch (error) {
      throw translate(error, table, stop);
    } finally {
      stop.end();
    }
  }

  /** The API request that a mutation of the table would be, for EXPLAIN. */
  explain(tableOid: number, verb: Verb, conflict: readonly string[] = []): readonly string[] {
    const table = this.#o.catalog.byOid(tableOid);
    const limit = table?.limits[verb];
    if (table === undefined || limit === undefined) return [`API request: none, ${verb} is not offered`];
    const { method, path, calls } = this.#session(table).plan(verb, table.resource, limit, conflict);
    return [
      `API request: ${method} ${path} (${table.provider})`,
      `  Rows: at most ${limit} in one statement`,
      `  API calls: ${calls}`,
    ];
  }

  #tableOf(lent: LentSession): SyncedTable {
    const { facts } = lent;
    const table = this.#o.catalog.byOid(facts.tableOid);
    if (table === undefined) return raise('internal', { params: { what: 'the table is no longer synced' } });
    if (!table.attached) return this.#notConfigured(table);
    if (table.limits[facts.verb] === undefined) {
      raise('verb_not_offered', { params: this.#params(table, lent), schema: table.schema, table: table.name });
    }
    return table;
  }

  #params(table: SyncedTable, lent: LentSession): Record<string, string> {
    return { provider: table.provider, table: table.name, verb: lent.facts.verb.toUpperCase() };
  }

  async #enter(table: SyncedTable, stop: Stop): Promise<() => void> {
    try {
      return await this.gate.enter({ ...table, table: table.oid }, stop.signal);
    } catch (error) {
      if (error instanceof FaultError) throw error;
      throw stop.fault(table.provider);
    }
  }

  async #evaluate(lent: LentSession, table: SyncedTable, upserts?: string): Promise<Evaluation> {
    const limit = table.limits[lent.facts.verb] ?? 0;
    const evaluation = await lent.evaluate(limit, upserts);
    if (evaluation.total <= limit) return evaluation;
    return raise('too_many_rows', {
      params: { ...this.#params(table, lent), count: evaluation.total, limit },
      schema: table.schema,
      table: table.name,
    });
  }

  async #write(lent: LentSession, table: SyncedTable, stop: Stop, first: Evaluation): Promise<Written> {
    const writer = await Writer.open(this.#o.pool, table, this.#o.lockTimeout);
    let sound = false;
    try {
      const locked = await this.#lock(lent, table, stop, writer, first);
      const rows = batchRows(table, lent.facts, locked.evaluation.rows, locked.old);
      const done = await this.#writeRows(lent, table, stop, writer, locked, rows);
      sound = true;
      return done;
    } catch (error) {
      sound = await writer.abandon();
      throw error;
    } finally {
      writer.close(sound);
    }
  }

  #lock(lent: LentSession, table: SyncedTable, stop: Stop, writer: Writer, first: Evaluation): Promise<LockedRows> {
    const locking: Locking = {
      lent,
      table,
      stop,
      writer,
      evaluate: (upserts) => this.#evaluate(lent, table, upserts),
      refresh: async (doubts) => {
        const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(this.#o.timeout)]);
        await refreshLocked(this.#o.pool, this.#session(table), table, doubts, signal, this.#o.lockTimeout);
        stop.check(table.provider);
      },
    };
    switch (lent.facts.verb) {
      case 'insert':
        return lockTable(locking, first);
      case 'upsert':
        return lockUpsert(locking, first);
      default:
        return lockRows(locking, first);
    }
  }

  async #writeRows(
    lent: LentSession,
    table: SyncedTable,
    stop: Stop,
    writer: Writer,
    locked: LockedRows,
    rows: readonly BatchRow[],
  ): Promise<Written> {
    const { evaluation } = locked;
    if (rows.length === 0) {
      await writer.abandon();
      return { rows: 0 };
    }
    await lent.prepareReturning();
    await this.#o.boundary?.('evaluated');
    if (lent.facts.verb === 'update' && rows.every((row) => Object.keys(row.values).length === 0)) {
      // Only columns that keep their values: nothing to tell the API.
      await lent.evaluateReturning(evaluation.rows.map((row) => ({ base: row.base, overlay: '{}' })));
      await writer.abandon();
      return { rows: rows.length };
    }
    const batch: Batch = {
      verb: lent.facts.verb,
      resource: table.resource,
      rows,
      ...(lent.facts.verb === 'upsert' ? { conflict: lent.facts.conflict } : {}),
      deadline: Math.min(Date.now() + this.#o.timeout, stop.deadline + this.#o.stopGrace),
    };
    const keys = rows.map((row, i) => row.key ?? locked.targets?.[i]?.keys[0] ?? null);
    const ticket = await this.#journal(lent, table, stop, batch, keys);
    const started = performance.now();
    const result = await this.#confirm(table, stop, batch);
    const upstreamMs = performance.now() - started;
    await this.#o.boundary?.('confirmed');
    const verdict = judge(table, keys, result.outcomes);
    const changes = await this.#changes(table, locked, batch, verdict, result);
    const returning =
      verdict.state === 'applied'
        ? await evaluateReturning(lent, changes.records, { table, ticket, deadline: batch.deadline, log: this.#o.log })
        : { failed: null };
    await applyAnswer({ ...this.#o, known: this.known }, writer, {
      table,
      facts: lent.facts,
      batch,
      ticket,
      verdict,
      result,
      changes,
      begun: stop.begun,
      upstreamMs,
    });
    if (verdict.state !== 'applied') {
      this.#refreshGone(table, rows, result);
      throw clientError(table, lent.facts, verdict, result.outcomes, ticket.id);
    }
    if (returning.failed !== null) throw returning.failed;
    await this.#o.boundary?.('committed');
    return { rows: rows.length, ...(result.remarks === undefined ? {} : { remarks: result.remarks }) };
  }

  async #changes(
    table: SyncedTable,
    { evaluation, targets }: LockedRows,
    { rows, deadline }: Batch,
    verdict: Verdict,
    { outcomes }: WriteResult,
  ): Promise<Changes> {
    if (targets === undefined) {
      return { records: confirmedRecords(table, evaluation, rows, verdict), also: [], gone: [], stale: [] };
    }
    const signal = AbortSignal.timeout(Math.max(0, deadline - Date.now()));
    const session = this.#session(table);
    return reconcile({ session, table, evaluation, rows, targets, outcomes, signal, log: this.#o.log });
  }

  async #journal(
    lent: LentSession,
    table: SyncedTable,
    stop: Stop,
    batch: Batch,
    keys: readonly (string | null)[],
  ): Promise<Ticket> {
    const { facts } = lent;
    stop.check(table.provider);
    const plan = this.#session(table).plan(facts.verb, table.resource, batch.rows.length, batch.conflict);
    const ticket = await this.#open(batch, {
      role: facts.role,
      connection: table.connection,
      provider: table.provider,
      tableOid: table.oid,
      schema: table.schema,
      table: table.name,
      verb: facts.verb,
      rows: batch.rows.map((row, i) => ({ ...row, key: keys[i] ?? null })),
      ...(batch.conflict === undefined ? {} : { conflict: batch.conflict }),
      method: plan.method,
      path: plan.path,
      settleAfterMs: this.#o.timeout + this.#o.stopGrace,
    });
    await this.#o.boundary?.('journalled');
    if (stop.signal.aborted) {
      this.#noteKnown(batch, { state: 'cancelled' });
      await this.#o.journal.cancel(ticket);
      throw stop.fault(table.provider);
    }
    return ticket;
  }

  /** Without an answer the entry may be in the journal, and nothing will be sent for it. */
  async #open(batch: Batch, entry: JournalEntry): Promise<Ticket> {
    try {
      return await this.#o.journal.open(entry);
    } catch (error) {
      this.#noteKnown(batch, { state: 'cancelled' });
      throw error;
    }
  }

  #noteKnown(batch: Batch, report: Parameters<Known['note']>[1]): void {
    this.known.note(batch.rows[0]?.idempotencyKey ?? '', report);
  }

  #session(table: SyncedTable): Session {
    const session = this.#o.session(table.connection);
    return session ?? this.#notConfigured(table);
  }

  #notConfigured(table: SyncedTable): never {
    return raise('not_configured', {
      params: { connection: table.connection, table: table.name },
      schema: table.schema,
      table: table.name,
    });
  }

  async #confirm(table: SyncedTable, stop: Stop, batch: Batch): Promise<WriteResult> {
    const patience = stop.withGrace(this.#o.stopGrace, table.provider);
    try {
      return await this.#session(table).write({ ...batch, stopped: patience.stopped }, patience.signal);
    } finally {
      patience.done();
    }
  }

  /** Rows whose records the API no longer has are brought in line, without keeping the client waiting for it. */
  #refreshGone(table: SyncedTable, rows: readonly BatchRow[], result: WriteResult): void {
    const gone = rows.flatMap((row, i) => {
      const outcome = result.outcomes[i];
      return outcome?.kind === 'rejected' && outcome.fault.code === 'record_gone' && row.key !== null ? [row.key] : [];
    });
    if (gone.length === 0) return;
    const signal = AbortSignal.timeout(this.#o.timeout);
    refreshRows(this.#o.pool, this.#session(table), table, gone, signal, this.#o.lockTimeout).catch(
      (error: unknown) => {
        this.#o.log.warn({ table: table.name, error: String(error) }, 'rows that are gone upstream were not refreshed');
      },
    );
  }
}

/** An error of Upwrite's own connections in the client's terms. All of them come before anything was sent. */
function translate(error: unknown, table: SyncedTable, stop: Stop): unknown {
  const code = sqlstateOf(error);
  if (code === '57014' && stop.signal.aborted) return stop.fault(table.provider);
  if (error instanceof FaultError || error instanceof DatabaseRefusal || error instanceof SessionGone) return error;
  if (code === undefined && !isDatabaseAway(error)) return error;
  const what = error instanceof Error ? error.message : 'unknown reason';
  const place = { schema: table.schema, table: table.name };
  return new FaultError(fault('database_failed', { params: { what, provider: table.provider }, ...place }), {
    cause: error,
  });
}

function confirmedRecords(
  table: SyncedTable,
  evaluation: Evaluation,
  rows: readonly BatchRow[],
  verdict: Verdict,
): Changes['records'] {
  return verdict.applied.flatMap((record, i) =>
    record === null ? [] : [confirm(table, evaluation.rows[i]?.base ?? '{}', rows[i]?.values ?? {}, record)],
  );
}
