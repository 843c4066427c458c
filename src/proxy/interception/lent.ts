/** One mutation's loan of the client's session: evaluation by savepoint and rollback, and the RETURNING list. */
import { serialize } from 'pg-protocol';
import { deferGuard, type SyncedTable } from '../../catalog/index.js';
import { raise } from '../../errors/index.js';
import { evaluationText, type Mutation, returningText } from '../../sql/index.js';
import {
  type ConfirmedRow,
  DatabaseRefusal,
  type EvaluatedRow,
  type Evaluation,
  type LentSession,
  type MutationFacts,
} from '../../upstream/index.js';
import { appendTextParameters, Back, bindMessage, parseMessage, textParameters } from '../../wire/index.js';
import { type Cell, type Dialogue, forget, ownName, statement } from './dialogue.js';
import { asciiJson, confirmedRowsFrom, evaluationColumns } from './evaluation-sql.js';
import { sameRows, withoutFirst } from './row-description.js';

const savepoint = 'SAVEPOINT upwrite';
const rollback = 'ROLLBACK TO SAVEPOINT upwrite';
const release = 'RELEASE SAVEPOINT upwrite';
const jsonbType = 3802;

export interface LoanOptions {
  readonly dialogue: Dialogue;
  readonly facts: MutationFacts;
  readonly table: SyncedTable;
  readonly mutation: Mutation;
  /** The text that the mutation's spans point into. */
  readonly text: Buffer;
  /** The parameter part of the client's Bind; null in the simple protocol. */
  readonly parameters: Buffer | null;
  /** The types of the parameters as the database resolved them. */
  readonly parameterTypes: readonly number[];
  readonly resultFormats: readonly number[];
  readonly statementTimeout: number;
  /** Milliseconds that the evaluation waits for row locks. */
  readonly lockTimeout: number;
  /** The session's client_encoding is UTF8. */
  readonly utf8: boolean;
  readonly signal: AbortSignal;
}

const noParameters = textParameters([]);

export class Loan implements LentSession {
  readonly facts: MutationFacts;
  readonly signal: AbortSignal;
  readonly #o: LoanOptions;
  /** RowDescription of the client's own RETURNING list, once evaluated. */
  rowDescription: Buffer | null = null;
  /** DataRow messages of the RETURNING list. */
  returned: readonly Buffer[] = [];
  #evaluations = 0;

  constructor(options: LoanOptions) {
    this.#o = options;
    this.facts = options.facts;
    this.signal = options.signal;
  }

  statementTimeout(): Promise<number> {
    return Promise.resolve(this.#o.statementTimeout);
  }

  async evaluate(keep: number): Promise<Evaluation> {
    const { dialogue, mutation, table, text, facts } = this.#o;
    const ours = evaluationColumns(mutation, table, facts.columns);
    dialogue.forwardNotices = this.#evaluations === 0;
    this.#evaluations++;
    dialogue.send(
      ...statement(savepoint),
      ...statement(deferGuard(this.#o.table)),
      ...statement(`SET LOCAL lock_timeout = ${Math.max(1, Math.floor(this.#o.lockTimeout))}`),
      parseMessage(ownName, evaluationText(text, mutation, ours.join(', ')), this.#o.parameterTypes),
      bindMessage(ownName, ownName, this.#o.parameters ?? noParameters, []),
      serialize.describe({ type: 'P', name: ownName }),
      ...this.#inUtf8(),
      serialize.execute({ portal: ownName, rows: keep + 1 }),
      ...this.#countRest(),
      ...forget(),
      ...statement(rollback),
      ...statement(release),
      serialize.flush(),
    );
    const evaluation = await this.#readEvaluation(ours.length);
    await dialogue.statementAnswer();
    await dialogue.statementAnswer();
    dialogue.forwardNotices = true;
    return evaluation;
  }

  /** Values are read as UTF-8, whatever the client speaks; undone with the savepoint. */
  #inUtf8(): Buffer[] {
    return this.#o.utf8 ? [] : named(helperName, "SET LOCAL client_encoding = 'UTF8'");
  }

  /** Counts the rows that were not fetched without sending them. */
  #countRest(): Buffer[] {
    return named(helperName, `MOVE FORWARD ALL IN "${ownName}"`);
  }

  async #readEvaluation(ours: number): Promise<Evaluation> {
    const { dialogue } = this.#o;
    await dialogue.statementAnswer();
    await dialogue.statementAnswer();
    await dialogue.statementAnswer();
    await dialogue.expect(Back.parseComplete);
    await dialogue.expect(Back.bindComplete);
    this.rowDescription = withoutFirst(await dialogue.expect(Back.rowDescription), ours);
    if (!this.#o.utf8) await dialogue.statementAnswer();
    const { rows } = await dialogue.answer();
    const rest = await dialogue.statementAnswer();
    await dialogue.expect(Back.closeComplete);
    await dialogue.expect(Back.closeComplete);
    const moved = Number(rest.tag.split(' ')[1] ?? 0);
    return { rows: rows.map((row) => evaluated(row, ours)), total: rows.length + moved };
  }

  async prepareReturning(): Promise<void> {
    const { dialogue, mutation, table, text } = this.#o;
    if (mutation.returning === null) return;
    const parameter = Math.max(mutation.parameters, this.#o.parameterTypes.length) + 1;
    const types = [...this.#o.parameterTypes];
    while (types.length < parameter - 1) types.push(0);
    dialogue.send(
      ...forget(),
      parseMessage(ownName, returningText(text, mutation, confirmedRowsFrom(mutation, table, parameter)), [
        ...types,
        jsonbType,
      ]),
      serialize.describe({ type: 'S', name: ownName }),
      serialize.flush(),
    );
    const described = await this.#describedReturning();
    if (described === null || this.rowDescription === null || !sameRows(this.rowDescription, described)) {
      this.#unsupportedReturning();
    }
  }

  async #describedReturning(): Promise<Buffer | null> {
    const { dialogue } = this.#o;
    await dialogue.expect(Back.closeComplete);
    await dialogue.expect(Back.closeComplete);
    try {
      await dialogue.expect(Back.parseComplete);
    } catch (error) {
      if (error instanceof DatabaseRefusal) return this.#unsupportedReturning();
      throw error;
    }
    await dialogue.expect(Back.parameterDescription);
    const description = await dialogue.next();
    return description[0] === Back.rowDescription ? description : null;
  }

  #unsupportedReturning(): never {
    const { table } = this.#o;
    return raise('unsupported', {
      params: { what: 'this RETURNING list', table: table.name, provider: table.provider },
      hint: 'Return columns of the table itself, and read the others with a SELECT.',
      schema: table.schema,
      table: table.name,
    });
  }

  async evaluateReturning(rows: readonly ConfirmedRow[]): Promise<void> {
    const { dialogue, mutation, resultFormats } = this.#o;
    if (mutation.returning === null) return;
    const json = asciiJson(`[${rows.map((row) => `{"b":${row.base},"o":${row.overlay}}`).join(',')}]`);
    const parameters = appendTextParameters(this.#o.parameters ?? noParameters, [json]);
    dialogue.send(
      bindMessage(ownName, ownName, parameters, resultFormats),
      serialize.execute({ portal: ownName }),
      ...forget(),
      serialize.flush(),
    );
    await dialogue.expect(Back.bindComplete);
    this.returned = await dialogue.rawRows();
    await dialogue.expect(Back.closeComplete);
    await dialogue.expect(Back.closeComplete);
  }
}

/** The name of a second statement that runs while Upwrite's own portal is open. */
const helperName = 'upwrite_helper';

function named(name: string, text: string): Buffer[] {
  return [
    ...forgetNamed(name),
    parseMessage(name, Buffer.from(text, 'utf8'), []),
    bindMessage(name, name, noParameters, []),
    serialize.execute({ portal: name }),
    ...forgetNamed(name),
  ];
}

function forgetNamed(name: string): Buffer[] {
  return [serialize.close({ type: 'P', name }), serialize.close({ type: 'S', name })];
}

function evaluated(row: readonly Cell[], ours: number): EvaluatedRow {
  const text = (i: number): string | null => row[i]?.toString('utf8') ?? null;
  const values: (string | null)[] = [];
  for (let i = 2; i < ours; i++) values.push(text(i));
  return { key: text(0) ?? '', base: text(1) ?? '{}', values };
}
