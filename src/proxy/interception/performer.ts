/** Does the statements that Upwrite deals with itself, the same way in either protocol. */
import type { SyncedTable } from '../../catalog/index.js';
import { raise } from '../../errors/index.js';
import {
  type CopyFrom,
  changed,
  type ExecutePrepared,
  type Explain,
  type Mutation,
  type Span,
  slice,
} from '../../sql/index.js';
import { DatabaseRefusal } from '../../upstream/index.js';
import { ExplainAddition } from './explain.js';
import { charactersBefore, field, shiftPosition, withField } from './notice-fields.js';
import { calledName, executePrefix } from './prepared-call.js';
import type { KnownStatement } from './registry.js';
import type { MutationAnswer, MutationInput, Runner, RunnerSession } from './runner.js';
import { isUpsert, keyAsTarget, planUpsert, type Upsert } from './upsert.js';
import type { Refused } from './work.js';

/** What comes with a mutation besides its text. */
export interface CallFrame {
  /** The parameter part of the client's Bind; null in the simple protocol. */
  readonly parameters: Buffer | null;
  readonly parameterTypes: readonly number[];
  readonly resultFormats: readonly number[];
}

const simpleFrame: CallFrame = { parameters: null, parameterTypes: [], resultFormats: [] };

export class Performer {
  readonly #session: RunnerSession;
  readonly #runner: Runner;

  constructor(session: RunnerSession, runner: Runner) {
    this.#session = session;
    this.#runner = runner;
  }

  /** Null where the name means no synced table here and now: then the statement is the database's. */
  async mutation(mutation: Mutation, text: Buffer, frame: CallFrame = simpleFrame): Promise<MutationAnswer | null> {
    const facts = await this.#runner.look(mutation.target);
    if (facts.table === null) return null;
    const upsert = this.#upsertOf(mutation, text, facts.table);
    return this.#runner.run({ mutation, text, upsert, call: null, ...frame }, facts, facts.table);
  }

  /**
   * An upsert as the database is to see it, within a span of its text; null where it is the database's own. Refuses what
   * cannot be one API request.
   */
  async upsertText(mutation: Mutation, text: Buffer, span: Span): Promise<Buffer | null> {
    const { table } = await this.#runner.look(mutation.target);
    if (table === null) return null;
    return changed(text, span, this.#upsertOf(mutation, text, table)?.change ?? null);
  }

  #upsertOf(mutation: Mutation, text: Buffer, table: SyncedTable): MutationInput['upsert'] {
    if (!isUpsert(mutation)) return null;
    return { upsert: this.#planned(mutation, table), change: keyAsTarget(mutation, table, text, this.#session.utf8) };
  }

  #planned(mutation: Mutation, table: SyncedTable): Upsert {
    const plan = planUpsert(mutation, table);
    return plan.kind === 'upsert' ? plan : this.refuse(plan, table);
  }

  /** EXECUTE of a mutation prepared in SQL or by a Parse; `text` holds the EXECUTE. */
  async execute(
    execute: ExecutePrepared,
    text: Buffer,
    known: KnownStatement,
    resultFormats: readonly number[] = [],
  ): Promise<MutationAnswer | null> {
    if (known.work.kind === 'refused') return this.refuse(known.work);
    if (known.work.kind !== 'mutation') return null;
    const mutation = known.work;
    const facts = await this.#runner.look(mutation.target);
    if (facts.table === null) return null;
    const { rows } = await this.#session.dialogue.run(
      'SELECT t::pg_catalog.text, statement FROM pg_catalog.pg_prepared_statements ' +
        'LEFT JOIN LATERAL pg_catalog.unnest(parameter_types) WITH ORDINALITY AS u (t, n) ON true WHERE name = $1 ORDER BY n',
      [execute.name],
    );
    // Freed, and maybe made anew, in a way that was not seen: then it is the database's.
    const changed = isUpsert(mutation) ? await this.upsertText(mutation, known.text, mutation.span) : null;
    if (rows[0]?.[1]?.includes(changed ?? slice(known.text, mutation.span)) !== true) return null;
    const call = {
      types: rows.flatMap((row) => row[0]?.toString('utf8') ?? []),
      arguments: execute.arguments === null ? Buffer.alloc(0) : slice(text, execute.arguments),
    };
    const upsert = this.#upsertOf(mutation, known.text, facts.table);
    const input = { mutation, text: known.text, upsert, call, parameters: null, parameterTypes: [], resultFormats };
    try {
      return await this.#runner.run(input, facts, facts.table);
    } catch (error) {
      throw error instanceof DatabaseRefusal ? new DatabaseRefusal(this.#called(error.frame, execute, text)) : error;
    }
  }

  /** An error of Upwrite's own EXECUTE as one of the client's. */
  #called(frame: Buffer, execute: ExecutePrepared, text: Buffer): Buffer {
    const { utf8 } = this.#session;
    const own = `"${calledName}"`;
    const message = field(frame, 'M');
    const name = Buffer.from(`"${execute.name}"`, utf8 ? 'utf8' : 'latin1').toString('latin1');
    const named =
      message?.includes(own) === true
        ? withField(
            frame,
            'M',
            message.replace(own, () => name),
          )
        : frame;
    if (execute.arguments === null) return named;
    return shiftPosition(named, charactersBefore(text, execute.arguments.start, utf8) - executePrefix.length);
  }

  async copy(copy: CopyFrom, text: Buffer): Promise<MutationAnswer | null> {
    const facts = await this.#runner.look(copy.target);
    if (facts.table === null) return null;
    if (!copy.stdin) {
      this.refuse({
        kind: 'refused',
        what: 'COPY from a file',
        targets: [copy.target],
        hint: 'Use COPY … FROM STDIN, or \\copy in psql.',
      });
    }
    return this.#runner.copy(copy, slice(text, copy.span), facts, facts.table);
  }

  /** The lines that go under the plan; null where the table is not a synced one. */
  async explanation(explain: Explain): Promise<ExplainAddition | null> {
    const { mutation } = explain;
    const { table } = await this.#runner.look(mutation.target);
    if (table === null) return null;
    const conflict = isUpsert(mutation) ? this.#planned(mutation, table).conflict : [];
    const verb = isUpsert(mutation) ? 'upsert' : mutation.verb;
    return new ExplainAddition(this.#session.port.explain(table.oid, verb, conflict));
  }

  refuse(refused: Refused, known?: SyncedTable): never {
    const { catalog } = this.#session.port;
    const target = refused.targets[0];
    const table =
      known ??
      (target === undefined
        ? undefined
        : target.schema === null
          ? catalog.named(target.name)[0]
          : catalog.find(target.schema, target.name));
    return raise('unsupported', {
      params: { what: refused.what, table: target?.name ?? '', provider: table?.provider ?? '' },
      detail: 'It cannot be one API request. Nothing was sent.',
      hint: refused.hint,
      ...(table === undefined ? {} : { schema: table.schema, table: table.name }),
    });
  }
}
