/** Carries one mutation through the write path inside the client's session, whichever protocol it came in. */
import { serialize } from 'pg-protocol';
import type { SyncedTable } from '../../catalog/index.js';
import { type Fault, FaultError, fault, raise } from '../../errors/index.js';
import {
  type Change,
  type ClientEncoding,
  type CopyFrom,
  encodeFor,
  type Mutation,
  quoteIdentifier,
  type RelationName,
} from '../../sql/index.js';
import { DatabaseRefusal, type MutationFacts, SessionGone } from '../../upstream/index.js';
import { Back, errorResponse, noticeResponse, parseMessage } from '../../wire/index.js';
import type { ProxyLog } from '../options.js';
import type { Pipeline } from '../pipeline.js';
import type { MutationPort } from '../port.js';
import { CopyLoan } from './copy-loan.js';
import { type Dialogue, ownName } from './dialogue.js';
import { namedColumns } from './evaluation-sql.js';
import { Loan } from './lent.js';
import { field } from './notice-fields.js';
import type { PreparedCall } from './prepared-call.js';
import type { Upsert } from './upsert.js';

/** What the session looks like to a statement that runs in it now. */
export interface SessionFacts {
  readonly table: SyncedTable | null;
  /** Milliseconds; 0 for none. */
  readonly statementTimeout: number;
  readonly role: string;
  readonly application: string;
  /** Milliseconds; 0 for none. */
  readonly lockTimeout: number;
}

export interface MutationInput {
  readonly mutation: Mutation;
  /** The text that the mutation's spans point into. */
  readonly text: Buffer;
  /** The upsert that it is, and what the database is given in place of a piece of the text; null where it is none. */
  readonly upsert: { readonly upsert: Upsert; readonly change: Change | null } | null;
  /** EXECUTE: how the mutation is called, with its arguments. */
  readonly call: PreparedCall | null;
  readonly parameters: Buffer | null;
  readonly parameterTypes: readonly number[];
  readonly resultFormats: readonly number[];
}

export interface MutationAnswer {
  readonly rowDescription: Buffer | null;
  readonly rows: readonly Buffer[];
  readonly tag: string;
}

export interface RunnerSession {
  readonly dialogue: Dialogue;
  readonly pipeline: Pipeline;
  readonly port: MutationPort;
  readonly log: ProxyLog;
  readonly utf8: boolean;
  /** How the session's texts are to be read, and what it is told. */
  readonly encoding: ClientEncoding;
  readonly signal: AbortSignal;
  /** Sends a message of Upwrite's own to the client. */
  toClient(message: Buffer): void;
}

/** The name comes in hexadecimal, so that it means the same in every client encoding. */
const probe =
  "SELECT pg_catalog.to_regclass(pg_catalog.convert_from(pg_catalog.decode($1, 'hex'), 'UTF8'))::pg_catalog.oid, " +
  'pg_catalog.current_setting($2), current_user, ' +
  'pg_catalog.current_setting($3), pg_catalog.current_setting($4)';

export class Runner {
  readonly #session: RunnerSession;
  /** Upwrite opened a transaction block where the client has none of its own. */
  ownBlock = false;

  constructor(session: RunnerSession) {
    this.#session = session;
  }

  /** Finds out which table a name means here and now, and what the session's settings are. */
  async look(relation: RelationName): Promise<SessionFacts> {
    const { dialogue, port } = this.#session;
    const name = [relation.schema, relation.name].filter((part) => part !== null).map(quoteIdentifier);
    const { rows } = await dialogue.run(probe, [
      Buffer.from(name.join('.'), 'utf8').toString('hex'),
      'statement_timeout',
      'application_name',
      'lock_timeout',
    ]);
    const [oid, timeout, role, application, lockTimeout] = (rows[0] ?? []).map((cell) => cell?.toString('utf8') ?? '');
    return {
      table: port.catalog.byOid(Number(oid ?? 0)) ?? null,
      statementTimeout: milliseconds(timeout ?? '0'),
      role: role ?? '',
      application: application ?? '',
      lockTimeout: milliseconds(lockTimeout ?? '0'),
    };
  }

  /** Runs a mutation of a synced table. The pipeline must be quiet and captured. */
  async run(input: MutationInput, facts: SessionFacts, table: SyncedTable): Promise<MutationAnswer> {
    const { port, dialogue } = this.#session;
    const { mutation } = input;
    const inTransaction = await this.#admit(mutation.verb.toUpperCase(), table);
    const loan = new Loan({
      dialogue,
      facts: mutationFacts(input, table, facts, inTransaction),
      table,
      mutation,
      text: input.text,
      change: input.upsert?.change ?? null,
      call: input.call,
      parameters: input.parameters,
      parameterTypes: input.parameterTypes,
      resultFormats: input.resultFormats,
      statementTimeout: facts.statementTimeout,
      lockTimeout: this.#lockTimeout(facts),
      utf8: this.#session.utf8,
      recode: this.#encode,
      signal: this.#session.signal,
    });
    const { rows, remarks = [] } = await port.run(loan);
    if (inTransaction && rows > 0) this.#warn(mutation.verb.toUpperCase(), table);
    this.#pass(remarks, table);
    return {
      rowDescription: mutation.returning === null ? null : loan.rowDescription,
      rows: loan.returned,
      tag: mutation.verb === 'insert' ? `INSERT 0 ${rows}` : `${mutation.verb.toUpperCase()} ${rows}`,
    };
  }

  /** Runs a COPY … FROM STDIN into a synced table, of which `text` is the statement. */
  async copy(copy: CopyFrom, text: Buffer, facts: SessionFacts, table: SyncedTable): Promise<MutationAnswer> {
    const inTransaction = await this.#admit('COPY', table);
    const { port, dialogue } = this.#session;
    const loan = new CopyLoan({
      dialogue,
      table,
      text,
      facts: {
        verb: 'insert',
        tableOid: table.oid,
        columns: copy.columns ?? table.columnNames,
        defaults: [],
        onConflict: 'error',
        conflict: [],
        inTransaction,
        role: facts.role,
        application: facts.application,
      },
      statementTimeout: facts.statementTimeout,
      lockTimeout: this.#lockTimeout(facts),
      utf8: this.#session.utf8,
      signal: this.#session.signal,
    });
    const { rows, remarks = [] } = await port.run(loan);
    if (inTransaction && rows > 0) this.#warn('COPY', table);
    this.#pass(remarks, table);
    return { rowDescription: null, rows: [], tag: `COPY ${rows}` };
  }

  /**
   * Makes sure that a block is open. Whether it is the client's own, which the write escapes; where that is not allowed
   * it is refused.
   */
  async #admit(verb: string, table: SyncedTable): Promise<boolean> {
    const { port } = this.#session;
    const inTransaction = await this.enterBlock();
    if (inTransaction && port.transactions === 'reject') {
      raise('in_transaction', {
        params: { verb, table: table.name, provider: table.provider },
        schema: table.schema,
        table: table.name,
      });
    }
    return inTransaction;
  }

  #lockTimeout(facts: SessionFacts): number {
    const { port } = this.#session;
    return facts.lockTimeout === 0 ? port.lockTimeout : Math.min(facts.lockTimeout, port.lockTimeout);
  }

  /** Makes sure that a transaction block is open, so that savepoints can be used. Whether it is the client's own. */
  async enterBlock(): Promise<boolean> {
    const { pipeline, dialogue } = this.#session;
    if (this.ownBlock) return false;
    if (pipeline.executed) this.ownBlock = await this.#opensBlock();
    else if (pipeline.status === 'I') {
      await dialogue.run('BEGIN');
      this.ownBlock = true;
    }
    return !this.ownBlock;
  }

  /**
   * BEGIN where only the database knows whether a block is open: the client may have begun or ended one earlier in its
   * pipeline. Where there is one it warns (25001) and does nothing.
   */
  async #opensBlock(): Promise<boolean> {
    const { dialogue } = this.#session;
    const { rows } = await dialogue.run(
      "SELECT pg_catalog.current_setting('client_min_messages'), pg_catalog.set_config('client_min_messages', 'warning', true)",
    );
    const begun = await dialogue.noticesOf(() => dialogue.run('BEGIN'));
    await dialogue.run("SELECT pg_catalog.set_config('client_min_messages', $1, true)", [
      rows[0]?.[0]?.toString('latin1') ?? 'notice',
    ]);
    return !begun.some((notice) => field(notice, 'C') === '25001');
  }

  /**
   * Turns a failure into the client's ErrorResponse, and makes sure that the backend's transaction has failed as well and
   * skips to the next Sync, as after any error. Throws SessionGone on.
   */
  async fail(error: unknown): Promise<Buffer> {
    if (error instanceof SessionGone) throw error;
    if (error instanceof DatabaseRefusal) return error.frame;
    const shown = this.#shown(error);
    await this.failDatabase(shown.sqlstate);
    return errorResponse(shown, 'ERROR', this.#encode);
  }

  readonly #encode = (text: string): Buffer => encodeFor(text, this.#session.encoding);

  /** The write has escaped the client's transaction. */
  #warn(verb: string, table: SyncedTable): void {
    const notice = {
      sqlstate: '01000',
      message: `${verb} on table "${table.name}" took effect at once, outside the transaction`,
      detail: `${table.provider} has applied it; a ROLLBACK does not undo it.`,
      schema: table.schema,
      table: table.name,
    };
    this.#session.toClient(noticeResponse(notice, 'WARNING', this.#encode));
  }

  /** What the API left out of what it applied. */
  #pass(remarks: readonly string[], { schema, name, provider }: SyncedTable): void {
    for (const detail of remarks) {
      const message = `${provider} did not apply all of the statement`;
      const notice = { sqlstate: '01000', message, detail, schema, table: name };
      this.#session.toClient(noticeResponse(notice, 'WARNING', this.#encode));
    }
  }

  /** Makes the database's own transaction fail: an unknown word does that without touching anything. */
  async failDatabase(sqlstate: string): Promise<void> {
    const { dialogue, pipeline } = this.#session;
    if (pipeline.failed) return;
    dialogue.send(parseMessage(ownName, Buffer.from(`upwrite_refuses /* ${sqlstate} */`), []), serialize.flush());
    while ((await dialogue.next())[0] !== Back.error);
  }

  #shown(error: unknown): Fault {
    if (error instanceof FaultError) return error.fault;
    const { log } = this.#session;
    log.error({ error: error instanceof Error ? error.stack : String(error) }, 'a mutation failed unexpectedly');
    return fault('internal', { params: { what: 'a mutation failed unexpectedly' } });
  }

  /** Ends the block that Upwrite opened. Errors of a COMMIT (deferred constraints) go to the client. */
  async leaveBlock(how: 'COMMIT' | 'ROLLBACK'): Promise<boolean> {
    if (!this.ownBlock) return true;
    this.ownBlock = false;
    try {
      await this.#session.dialogue.run(how);
      return true;
    } catch (error) {
      if (!(error instanceof DatabaseRefusal)) throw error;
      this.#session.toClient(error.frame);
      return false;
    }
  }
}

function mutationFacts(
  { mutation, upsert }: MutationInput,
  table: SyncedTable,
  facts: SessionFacts,
  inTransaction: boolean,
): MutationFacts {
  const action = mutation.insert?.onConflict?.action;
  return {
    verb: upsert === null ? mutation.verb : 'upsert',
    tableOid: table.oid,
    columns: namedColumns(mutation, table),
    defaults: mutation.insert?.defaults ?? [],
    onConflict: action ?? 'error',
    conflict: upsert?.upsert.conflict ?? [],
    inTransaction,
    role: facts.role,
    application: facts.application,
  };
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000, us: 0.001 };

/** A time setting as current_setting shows it (manual, "Parameter Names and Values"), in milliseconds. */
export function milliseconds(setting: string): number {
  const match = /^(\d+)\s*([a-z]*)$/.exec(setting);
  if (match === null) return 0;
  return Number(match[1]) * (units[match[2] || 'ms'] ?? 1);
}
