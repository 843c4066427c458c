/**
 * A simple Query that holds statements of Upwrite's own, run one by one with the rules of the simple protocol: several
 * statements are one implicit transaction, an error ends the whole text, one ReadyForQuery closes it.
 * Source: PostgreSQL manual, "Multiple Statements in a Simple Query".
 */
import { serialize } from 'pg-protocol';
import { type Mutation, type Span, type Statement, slice } from '../../sql/index.js';
import { DatabaseRefusal, SessionGone } from '../../upstream/index.js';
import { Back, commandComplete, Front, frame } from '../../wire/index.js';
import type { Verdict } from '../client-pump.js';
import { type Dialogue, forget, forgetNamed } from './dialogue.js';
import type { ExplainAddition } from './explain.js';
import { charactersBefore, field, shiftPosition } from './notice-fields.js';
import type { Performer } from './performer.js';
import { calledName } from './prepared-call.js';
import { preparedStatement, type Registry } from './registry.js';
import type { MutationAnswer, Runner, RunnerSession } from './runner.js';
import { isUpsert } from './upsert.js';
import type { Work } from './work.js';

export interface ScriptOptions {
  readonly session: RunnerSession;
  readonly runner: Runner;
  readonly performer: Performer;
  readonly registry: Registry;
  readonly text: Buffer;
  readonly workOf: (statement: Statement) => Work | null;
}

/** A step of a script: a stretch of text for the database, or a statement that Upwrite deals with. */
type Step =
  | {
      readonly kind: 'text';
      readonly span: Span;
      readonly control: string | null;
      /** Prepared statements that are gone once it has run; null for all. */
      readonly deallocated: readonly (string | null)[];
      /** What the database is given, where that is not the span's own bytes. */
      readonly bytes?: Buffer;
    }
  | { readonly kind: 'work'; readonly work: Work; readonly span: Span };

type TextStep = Extract<Step, { kind: 'text' }>;

const nul = Buffer.from([0]);

export class Script {
  readonly #o: ScriptOptions;

  constructor(options: ScriptOptions) {
    this.#o = options;
  }

  /** `statements` null: nothing in the text concerns Upwrite, but a block of its own is open and ends with this Query. */
  async run(dialogue: Dialogue, statements: readonly Statement[] | null): Promise<Verdict> {
    const { session, runner } = this.#o;
    if (session.pipeline.status === 'E') return 'pass';
    if (statements === null) {
      await runner.leaveBlock('COMMIT');
      await dialogue.sync();
      return 'pass';
    }
    const steps = this.#steps(statements);
    if (steps.length === 1 && !(await this.#concerns(dialogue, steps[0]))) return 'pass';
    const failed = await this.#runSteps(dialogue, steps);
    await this.#finish(dialogue, failed);
    return 'consumed';
  }

  /** A lone write of a table that only shares its name with a synced one goes to the database as it is. */
  async #concerns(dialogue: Dialogue, step: Step | undefined): Promise<boolean> {
    const { runner } = this.#o;
    if (step?.kind !== 'work') return false;
    const target = targetOf(step.work);
    if (target === undefined || target.schema !== null) return true;
    let concerned = false;
    try {
      concerned = (await runner.look(target)).table !== null;
    } catch (error) {
      if (error instanceof SessionGone) throw error;
    }
    if (!concerned) await dialogue.sync();
    return concerned;
  }

  #steps(statements: readonly Statement[]): Step[] {
    const steps: Step[] = [];
    const prepared = new Set<string>();
    for (const statement of statements) {
      const { span } = statement;
      const work = this.#workOf(statement, prepared);
      if (work?.kind === 'prepare') prepared.add(work.name);
      const before = steps.at(-1);
      if (work !== null) steps.push({ kind: 'work', work, span });
      else if (statement.kind === 'transaction')
        steps.push({ kind: 'text', span, control: statement.command, deallocated: [] });
      else {
        const deallocated = statement.kind === 'deallocate' ? [statement.name] : [];
        const joined =
          before?.kind === 'text' && before.control === null
            ? { start: before.span.start, also: before.deallocated }
            : null;
        if (joined !== null) steps.pop();
        steps.push({
          kind: 'text',
          span: { start: joined?.start ?? span.start, end: span.end },
          control: null,
          deallocated: [...(joined?.also ?? []), ...deallocated],
        });
      }
    }
    return steps;
  }

  /** EXECUTE may call what the same text has prepared before it. */
  #workOf(statement: Statement, prepared: ReadonlySet<string>): Work | null {
    if (statement.kind === 'execute' && prepared.has(statement.name)) return statement;
    return this.#o.workOf(statement);
  }

  /** Whether one of them failed: the error has gone to the client then. */
  async #runSteps(dialogue: Dialogue, steps: readonly Step[]): Promise<boolean> {
    const { session, runner } = this.#o;
    const several = steps.length > 1;
    for (const step of steps) {
      try {
        const failed =
          step.kind === 'text'
            ? await this.#runText(dialogue, step, several)
            : await this.#runWork(dialogue, step.work, step.span, several);
        if (failed) return true;
      } catch (error) {
        session.toClient(await runner.fail(this.#placed(error, step)));
        return true;
      }
    }
    return false;
  }

  /** Positions in errors of a statement that was run by itself are told as places in the whole text. */
  #placed(error: unknown, step: Step): unknown {
    if (!(error instanceof DatabaseRefusal) || step.kind !== 'work' || step.work.kind === 'execute') return error;
    const { text, session } = this.#o;
    return new DatabaseRefusal(shiftPosition(error.frame, charactersBefore(text, step.span.start, session.utf8)));
  }

  /** Whether it failed and the client has been told. */
  async #runWork(dialogue: Dialogue, work: Work, span: Span, several: boolean): Promise<boolean> {
    const { performer, registry, text } = this.#o;
    const asText = { kind: 'text', span, control: null, deallocated: [] } as const;
    switch (work.kind) {
      case 'refused':
        return performer.refuse(work);
      case 'mutation':
        return this.#answered(dialogue, await performer.mutation(work, text), asText);
      case 'copyFrom':
        return this.#answered(dialogue, await performer.copy(work, text), asText);
      case 'execute': {
        const known = registry.statement(work.name);
        const answer = known === undefined ? null : await performer.execute(work, text, known);
        return this.#answered(dialogue, answer, asText);
      }
      case 'explain': {
        const addition = await performer.explanation(work);
        return this.#runText(
          dialogue,
          { ...asText, ...(await this.#upsertText(work.mutation, span)) },
          several,
          addition,
        );
      }
      case 'prepare': {
        const step = { ...asText, ...(await this.#upsertText(work.mutation, span)) };
        const failed = await this.#runText(dialogue, step, several);
        if (!failed) registry.parsed(work.name, preparedStatement(work, text));
        return failed;
      }
    }
  }

  /** What the database is given in place of a statement that holds an upsert. */
  async #upsertText(mutation: Mutation, span: Span): Promise<{ readonly bytes?: Buffer }> {
    const { performer, text } = this.#o;
    const bytes = isUpsert(mutation) ? await performer.upsertText(mutation, text, span) : null;
    return bytes === null ? {} : { bytes };
  }

  async #answered(dialogue: Dialogue, answer: MutationAnswer | null, asText: TextStep): Promise<boolean> {
    if (answer === null) return this.#runText(dialogue, asText, true);
    const { session } = this.#o;
    if (answer.rowDescription !== null) session.toClient(answer.rowDescription);
    for (const row of answer.rows) session.toClient(row);
    session.toClient(commandComplete(answer.tag));
    return false;
  }

  /** Runs a stretch of the text as a Query of its own; true if it failed. */
  async #runText(
    dialogue: Dialogue,
    step: TextStep,
    several: boolean,
    addition: ExplainAddition | null = null,
  ): Promise<boolean> {
    const { session, runner, text, registry } = this.#o;
    const { pipeline } = session;
    // A Query right behind an Execute without a Sync leaves PostgreSQL 18 in a state that the next statement fails in.
    if (step.control === null) await (several ? this.#openBlock(dialogue) : dialogue.sync());
    if (step.control !== null && step.control !== 'begin' && !(await this.#leaveBlock(dialogue, step.control)))
      return true;
    const hadOwnBlock = runner.ownBlock;
    const before = charactersBefore(text, step.span.start, session.utf8);
    const query = frame(Front.query, Buffer.concat([step.bytes ?? slice(text, step.span), nul]));
    const result = await dialogue.relayQuery(query, (message) => {
      if (message[0] === Back.error) return shiftPosition(message, before);
      // The client's own BEGIN inside a block that is only Upwrite's: no reason to warn.
      if (hadOwnBlock && step.control === 'begin' && message[0] === Back.notice && field(message, 'C') === '25001') {
        return null;
      }
      return addition === null ? message : addition.edit(message);
    });
    if (runner.ownBlock && (step.control === 'begin' || pipeline.status === 'I')) runner.ownBlock = false;
    if (!result.failed) for (const name of step.deallocated) registry.deallocated(name);
    return result.failed;
  }

  /**
   * The client's own transaction command meets no block, as it would without Upwrite: COMMIT ends the implicit
   * transaction with a warning, a command that needs a block fails and undoes it. False if the COMMIT failed.
   */
  async #leaveBlock(dialogue: Dialogue, control: string): Promise<boolean> {
    const { runner } = this.#o;
    if (!runner.ownBlock) return true;
    const left = await runner.leaveBlock(control === 'commit' ? 'COMMIT' : 'ROLLBACK');
    await dialogue.sync();
    return left;
  }

  /** Several statements are one transaction, so that a later failure undoes the earlier ones. */
  async #openBlock(dialogue: Dialogue): Promise<void> {
    await this.#o.runner.enterBlock();
    await dialogue.sync();
  }

  async #finish(dialogue: Dialogue, failed: boolean): Promise<void> {
    const { session, runner } = this.#o;
    if (failed) {
      await dialogue.sync();
      await runner.leaveBlock('ROLLBACK');
    } else if (!(await runner.leaveBlock('COMMIT'))) {
      await dialogue.sync();
    }
    dialogue.send(serialize.close({ type: 'S', name: '' }), ...forget(), ...forgetNamed(calledName));
    const { ready } = await dialogue.sync();
    session.toClient(ready);
  }
}

function targetOf(work: Work) {
  switch (work.kind) {
    case 'mutation':
    case 'copyFrom':
      return work.target;
    case 'explain':
      return work.mutation.target;
    default:
      return undefined;
  }
}
