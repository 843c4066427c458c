/** One mutation's loan of the client's session: evaluation by savepoint and rollback, and the RETURNING list. */
import { serialize } from 'pg-protocol';
import { type SyncedTable, upsertSetting } from '../../catalog/index.js';
import { type Change, changed, evaluationText, type Mutation } from '../../sql/index.js';
import type { ConfirmedRow, EvaluatedRow, Evaluation, LentSession, MutationFacts } from '../../upstream/index.js';
import { Back, bindMessage, parseMessage, textParameters } from '../../wire/index.js';
import { type Cell, type Dialogue, forget, forgetNamed, namedStatement, ownName, statement } from './dialogue.js';
import { asciiJson, rowColumns } from './evaluation-sql.js';
import { calledName, executeText, type PreparedCall, prepareText } from './prepared-call.js';
import { ReturningList } from './returning.js';
import { closeAnswers, closeSavepoint, openSavepoint, savepointAnswers } from './savepoint.js';

export interface LoanOptions {
  readonly dialogue: Dialogue;
  readonly facts: MutationFacts;
  readonly table: SyncedTable;
  readonly mutation: Mutation;
  /** The text that the mutation's spans point into. */
  readonly text: Buffer;
  /** What the database is given in place of a piece of the text. */
  readonly change: Change | null;
  /** EXECUTE: how the mutation is called. */
  readonly call: PreparedCall | null;
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

/** The name of a second statement that runs while Upwrite's own portal is open. */
const helperName = 'upwrite_helper';

export class Loan implements LentSession {
  readonly facts: MutationFacts;
  readonly signal: AbortSignal;
  readonly #o: LoanOptions;
  /** DataRow messages of the RETURNING list. */
  returned: readonly Buffer[] = [];
  readonly #list: ReturningList;
  #evaluations = 0;

  constructor(options: LoanOptions) {
    this.#o = options;
    this.facts = options.facts;
    this.signal = options.signal;
    this.#list = new ReturningList({ ...options, parameters: options.parameters ?? noParameters });
  }

  statementTimeout(): Promise<number> {
    return Promise.resolve(this.#o.statementTimeout);
  }

  async evaluate(keep: number, upserts?: string): Promise<Evaluation> {
    const { dialogue, mutation, table, text, facts, change } = this.#o;
    const ours = rowColumns(mutation.targetAlias, table, facts.columns);
    const all = [...ours, ...this.#list.evaluationColumns()];
    dialogue.forwardNotices = this.#evaluations === 0;
    this.#evaluations++;
    dialogue.send(
      ...this.#ownParse(),
      ...openSavepoint(this.#o),
      ...(upserts === undefined ? [] : upsertsAre(upserts)),
      ...this.#parse(evaluationText(text, mutation, all.join(', '), change)),
      bindMessage(ownName, ownName, this.#o.parameters ?? noParameters, []),
      serialize.describe({ type: 'P', name: ownName }),
      ...this.#inUtf8(),
      serialize.execute({ portal: ownName, rows: keep + 1 }),
      ...this.#countRest(),
      ...forget(),
      ...closeSavepoint(),
      serialize.flush(),
    );
    const evaluation = await this.#readEvaluation(ours.length, upserts !== undefined);
    await closeAnswers(dialogue);
    dialogue.forwardNotices = true;
    return evaluation;
  }

  /**
   * In the simple protocol nobody has parsed the client's own text yet: what is wrong with it is found here, and told as
   * the database tells it.
   */
  #ownParse(): Buffer[] {
    const { call, parameters, text, mutation, change } = this.#o;
    if (parameters !== null || call !== null) return [];
    return [...forget(), parseMessage(ownName, changed(text, mutation.span, change), [])];
  }

  #parse(evaluation: Buffer): Buffer[] {
    const { call, parameterTypes } = this.#o;
    if (call === null) return [parseMessage(ownName, evaluation, parameterTypes)];
    return [
      ...forgetNamed(calledName),
      ...namedStatement(helperName, prepareText(call, evaluation)),
      parseMessage(ownName, executeText(call), []),
    ];
  }

  /** Values are read as UTF-8, whatever the client speaks; undone with the savepoint. */
  #inUtf8(): Buffer[] {
    return this.#o.utf8 ? [] : namedStatement(helperName, "SET LOCAL client_encoding = 'UTF8'");
  }

  /** Counts the rows that were not fetched without sending them. */
  #countRest(): Buffer[] {
    return namedStatement(helperName, `MOVE FORWARD ALL IN "${ownName}"`);
  }

  async #readEvaluation(ours: number, hasUpserts: boolean): Promise<Evaluation> {
    const { dialogue } = this.#o;
    if (this.#o.parameters === null && this.#o.call === null) {
      await dialogue.forgotten();
      await dialogue.expect(Back.parseComplete);
    }
    await savepointAnswers(dialogue);
    if (hasUpserts) await dialogue.statementAnswer();
    if (this.#o.call !== null) {
      await dialogue.forgotten();
      await dialogue.statementAnswer();
    }
    await dialogue.expect(Back.parseComplete);
    await dialogue.expect(Back.bindComplete);
    const description = await dialogue.expect(Back.rowDescription);
    if (!this.#o.utf8) await dialogue.statementAnswer();
    const { rows } = await dialogue.answer();
    this.#list.evaluated(description, ours, rows);
    const rest = await dialogue.statementAnswer();
    await dialogue.forgotten();
    const moved = Number(rest.tag.split(' ')[1] ?? 0);
    return { rows: rows.map((row) => evaluated(row, ours)), total: rows.length + moved };
  }

  prepareReturning(): Promise<void> {
    return this.#list.prepare();
  }

  async evaluateReturning(rows: readonly ConfirmedRow[]): Promise<void> {
    // What the list's functions have to say was said by the evaluation.
    await this.#o.dialogue.noticesOf(async () => {
      this.returned = await this.#list.evaluate(rows);
    });
  }

  /** RowDescription of the client's own RETURNING list, once evaluated. */
  get rowDescription(): Buffer | null {
    return this.#list.description;
  }
}

/** Says which rows are which records; undone with the savepoint. */
function upsertsAre(upserts: string): Buffer[] {
  return statement(`SELECT pg_catalog.set_config('${upsertSetting}', $1, true)`, [asciiJson(upserts)]);
}

function evaluated(row: readonly Cell[], ours: number): EvaluatedRow {
  const text = (i: number): string | null => row[i]?.toString('utf8') ?? null;
  const values: (string | null)[] = [];
  for (let i = 2; i < ours; i++) values.push(text(i));
  return { key: text(0) ?? '', base: text(1) ?? '{}', values };
}
