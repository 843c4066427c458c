/**
 * A session that asks for fresh data by `upwrite.max_staleness`: what it reads of synced tables is brought up to date
 * first. A session counts as one that may ask once its start-up, the database's settings for its role, or a text of its
 * own has named the setting; no other session pays for it. What the setting is at the moment, only Postgres knows (SET
 * LOCAL, savepoints, RESET, DISCARD), so it is asked before each statement that reads, by SHOW, which takes no snapshot:
 * the transaction's first snapshot must come after the wait, in every isolation level.
 */
import { FaultError, raise } from '../../errors/index.js';
import { type Analysis, type ClientEncoding, type RelationName, stalenessSetting } from '../../sql/index.js';
import { DatabaseRefusal, type StopReason } from '../../upstream/index.js';
import { noticeResponse } from '../../wire/index.js';
import { milliseconds, type RunnerSession } from './runner.js';

export interface FreshSession extends RunnerSession {
  readonly encoding: ClientEncoding;
  readonly standardStrings: boolean;
}

/** What a prepared statement reads: by itself, and through the statements that it EXECUTEs. */
export interface Reads {
  readonly relations: readonly RelationName[];
  readonly executes: readonly string[];
}

const nothing: Reads = { relations: [], executes: [] };

/** More prepared statements than this in one session, and further ones are looked up when they run. */
const mostStatements = 10_000;

/** PostgreSQL manual, appendix A: undefined_object, what SHOW says of a setting that was never set. */
const undefinedObject = /\0C42704\0/;

export function readsOf(analysis: Analysis): Reads {
  if (analysis.kind !== 'statements') return nothing;
  return {
    relations: analysis.reads,
    executes: analysis.statements.flatMap((statement) => (statement.kind === 'execute' ? [statement.name] : [])),
  };
}

export class FreshReads {
  readonly #session: FreshSession;
  readonly #prepared = new Map<string, Reads>();
  /** Names of statements parsed since the last Sync, and not bound since. */
  readonly #justParsed = new Set<string>();
  /** The setting exists in the session, whatever its value: SHOW does not fail. */
  #exists: boolean;
  /** Whether the session may ask for fresh data. */
  active: boolean;

  /** `start`: how the session began, `given` by its start-up packet, or perhaps `preset` by settings in the database. */
  constructor(session: FreshSession, start: 'given' | 'preset' | 'plain') {
    this.#session = session;
    this.active = start !== 'plain' && session.port.freshness !== null;
    this.#exists = start === 'given';
  }

  /** A text names the setting; it is on its way to the database. */
  named(analysis: Analysis): void {
    if (this.#session.port.freshness === null) return;
    this.active = true;
    // In a failed transaction nothing is set.
    if (analysis.kind === 'statements' && analysis.setsStaleness === true && this.#session.pipeline.status !== 'E') {
      this.#exists = true;
    }
  }

  parsed(name: string, reads: Reads): void {
    this.#justParsed.add(name);
    if (this.#prepared.has(name) || this.#prepared.size < mostStatements) this.#prepared.set(name, reads);
  }

  closed(name: string | null): void {
    if (name === null) this.#prepared.clear();
    else this.#prepared.delete(name);
  }

  /** A Sync: what was parsed before it is old by now. */
  synced(): void {
    this.#justParsed.clear();
  }

  /**
   * Of a statement that a Bind names: a named one that is unknown was prepared before the session was active. null: it was
   * parsed a moment ago, and what it reads was brought up to date then.
   */
  bound(statement: string): Reads | null {
    if (this.#justParsed.delete(statement)) return null;
    return this.#prepared.get(statement) ?? (statement === '' ? nothing : { relations: [], executes: [statement] });
  }

  /** Whether what is read can have to do with a synced table. */
  concerns({ relations, executes }: Reads): boolean {
    return relations.length > 0 || executes.length > 0;
  }

  /**
   * Brings what is read up to date, where the session asks for it. The pipeline must be quiet and captured. Throws
   * FaultError where that cannot be had, DatabaseRefusal with the database's own error.
   */
  async refresh(reads: Reads): Promise<void> {
    const { freshness } = this.#session.port;
    const maxAge = await this.#maxAge();
    if (maxAge === null || freshness === null) return;
    const relations = [...reads.relations];
    for (const name of reads.executes) relations.push(...(await this.#lookUp(name)));
    if (relations.length === 0) return;
    const { dialogue, signal } = this.#session;
    const { rows } = await dialogue.run('SHOW statement_timeout');
    const limit = milliseconds(rows[0]?.[0]?.toString('latin1') ?? '0');
    const late = limit === 0 ? null : AbortSignal.timeout(limit);
    try {
      const stop = late === null ? signal : AbortSignal.any([signal, late]);
      const warning = await freshness.refresh(relations, maxAge, stop);
      if (warning !== null) {
        const { sqlstate: _error, ...fields } = warning;
        this.#session.toClient(noticeResponse({ ...fields, sqlstate: '01000' }));
      }
    } catch (error) {
      if (error instanceof FaultError) throw error;
      if (signal.aborted) this.#stopped(signal.reason);
      if (late?.aborted === true) raise('freshness_timed_out');
      throw error;
    }
  }

  #stopped(reason: StopReason): never {
    return raise(reason === 'shutdown' ? 'shutting_down' : 'freshness_cancelled');
  }

  /** Milliseconds; null where the session does not ask. */
  async #maxAge(): Promise<number | null> {
    const value = await this.#value();
    if (value === null || value === '' || value.toLowerCase() === 'off') return null;
    const match = /^\d{1,12}\s*(?:us|ms|s|min|h|d)?$/.exec(value.trim());
    return match === null ? raise('bad_staleness', { params: { value } }) : milliseconds(value.trim());
  }

  async #value(): Promise<string | null> {
    const { dialogue } = this.#session;
    if (this.#exists) {
      try {
        const { rows } = await dialogue.run(`SHOW ${stalenessSetting}`);
        return rows[0]?.[0]?.toString('latin1') ?? null;
      } catch (error) {
        if (error instanceof DatabaseRefusal && undefinedObject.test(error.frame.toString('latin1')))
          this.#exists = false;
        throw error;
      }
    }
    const { rows } = await dialogue.run('SELECT pg_catalog.current_setting($1, true)', [stalenessSetting]);
    const value = rows[0]?.[0]?.toString('latin1') ?? null;
    this.#exists = value !== null;
    return value;
  }

  /** What a statement reads that was prepared in SQL, or before the session was active. */
  async #lookUp(name: string): Promise<readonly RelationName[]> {
    const { dialogue, port, encoding, standardStrings } = this.#session;
    const { rows } = await dialogue.run('SELECT statement FROM pg_catalog.pg_prepared_statements WHERE name = $1', [
      name,
    ]);
    const text = rows[0]?.[0];
    if (text == null) return [];
    return readsOf(await port.analyser.analyse(text, encoding, standardStrings)).relations;
  }
}
