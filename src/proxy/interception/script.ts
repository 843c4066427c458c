/**
 * A simple Query that holds mutations of synced tables, run statement by statement with the rules of the simple protocol:
 * several statements are one implicit transaction, an error ends the whole text, one ReadyForQuery closes it.
 * Source: PostgreSQL manual, "Multiple Statements in a Simple Query".
 */
import { serialize } from 'pg-protocol';
import { raise } from '../../errors/index.js';
import type { Mutation, Span, Statement, Unsplittable } from '../../sql/index.js';
import { SessionGone } from '../../upstream/index.js';
import { Back, commandComplete, Front, frame } from '../../wire/index.js';
import type { Verdict } from '../client-pump.js';
import { type Dialogue, forget } from './dialogue.js';
import { field, shiftPosition } from './notice-fields.js';
import type { Runner, RunnerSession } from './runner.js';

export interface ScriptOptions {
  readonly session: RunnerSession;
  readonly runner: Runner;
  /** The Query as it came. */
  readonly message: Buffer;
  readonly text: Buffer;
  readonly interesting: (statement: Statement) => boolean;
}

/** A step of a script: a stretch of text for the database, or a statement that Upwrite deals with. */
type Step =
  | { readonly kind: 'text'; readonly span: Span; readonly control: string | null }
  | { readonly kind: 'mutation'; readonly mutation: Mutation }
  | { readonly kind: 'refused'; readonly statement: Unsplittable };

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
    if (statements.some((statement) => statement.kind === 'copyFrom' && statement.stdin)) return 'pass';
    const steps = this.#steps(statements);
    const first = steps[0];
    if (steps.length === 1 && first?.kind === 'mutation' && !(await this.#concerns(dialogue, first.mutation))) {
      return 'pass';
    }
    const failed = await this.#runSteps(dialogue, steps);
    await this.#finish(dialogue, failed);
    return 'consumed';
  }

  /** A lone mutation of a table that only shares its name with a synced one goes to the database as it is. */
  async #concerns(dialogue: Dialogue, mutation: Mutation): Promise<boolean> {
    const { runner } = this.#o;
    if (mutation.target.schema !== null) return true;
    try {
      const { table } = await runner.look(mutation.target);
      if (table !== null) return true;
    } catch (error) {
      if (error instanceof SessionGone) throw error;
    }
    await dialogue.sync();
    return false;
  }

  #steps(statements: readonly Statement[]): Step[] {
    const steps: Step[] = [];
    let open: Span | null = null;
    const close = (): void => {
      if (open !== null) steps.push({ kind: 'text', span: open, control: null });
      open = null;
    };
    for (const statement of statements) {
      if (this.#o.interesting(statement)) {
        close();
        if (statement.kind === 'mutation') steps.push({ kind: 'mutation', mutation: statement });
        else if (statement.kind === 'unsplittable') steps.push({ kind: 'refused', statement });
      } else if (statement.kind === 'transaction') {
        close();
        steps.push({ kind: 'text', span: statement.span, control: statement.command });
      } else {
        const start: number = (open as Span | null)?.start ?? statement.span.start;
        open = { start, end: statement.span.end };
      }
    }
    close();
    return steps;
  }

  /** Whether one of them failed: the error has gone to the client then. */
  async #runSteps(dialogue: Dialogue, steps: readonly Step[]): Promise<boolean> {
    const { session, runner } = this.#o;
    for (const step of steps) {
      if (step.kind === 'text') {
        if (await this.#runText(dialogue, step, steps.length > 1)) return true;
        continue;
      }
      try {
        if (step.kind === 'refused') this.#refuse(step.statement);
        else if (await this.#runMutation(dialogue, step.mutation)) return true;
      } catch (error) {
        session.toClient(await runner.fail(error));
        return true;
      }
    }
    return false;
  }

  async #runMutation(dialogue: Dialogue, mutation: Mutation): Promise<boolean> {
    const { session, runner, text } = this.#o;
    const facts = await runner.look(mutation.target);
    if (facts.table === null) {
      return this.#runText(dialogue, { kind: 'text', span: mutation.span, control: null }, true);
    }
    const answer = await runner.run(
      { mutation, text, parameters: null, parameterTypes: [], resultFormats: [] },
      facts,
      facts.table,
    );
    if (answer.rowDescription !== null) session.toClient(answer.rowDescription);
    for (const row of answer.rows) session.toClient(row);
    session.toClient(commandComplete(answer.tag));
    return false;
  }

  #refuse(statement: Unsplittable): never {
    const { catalog } = this.#o.session.port;
    const target = statement.targets.find((name) =>
      name.schema === null ? catalog.named(name.name).length > 0 : catalog.find(name.schema, name.name) !== undefined,
    );
    const table =
      target === undefined
        ? undefined
        : target.schema === null
          ? catalog.named(target.name)[0]
          : catalog.find(target.schema, target.name);
    return raise('unsupported', {
      params: { what: statement.what, table: target?.name ?? '', provider: table?.provider ?? '' },
      hint: 'Write a plain INSERT, UPDATE or DELETE of the table: each becomes one API request.',
      ...(table === undefined ? {} : { schema: table.schema, table: table.name }),
    });
  }

  /** Runs a stretch of the text as a Query of its own; true if it failed. */
  async #runText(dialogue: Dialogue, step: Step & { kind: 'text' }, several: boolean): Promise<boolean> {
    const { session, runner, text } = this.#o;
    const { pipeline } = session;
    const hadOwnBlock = runner.ownBlock;
    if (step.control === null && several) await this.#openBlock(dialogue);
    const before = text.toString('utf8', 0, step.span.start).length;
    const query = frame(Front.query, Buffer.concat([text.subarray(step.span.start, step.span.end), nul]));
    const endsBlock = step.control === 'commit' || step.control === 'rollback' || step.control === 'begin';
    const result = await dialogue.relayQuery(query, (message) => {
      if (message[0] === Back.error) return shiftPosition(message, before);
      // The client's own BEGIN inside a block that is only Upwrite's: no reason to warn.
      if (hadOwnBlock && step.control === 'begin' && message[0] === Back.notice && field(message, 'C') === '25001') {
        return null;
      }
      return message;
    });
    if (runner.ownBlock && (endsBlock || pipeline.status === 'I')) runner.ownBlock = false;
    return result.failed;
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
    dialogue.send(serialize.close({ type: 'S', name: '' }), ...forget());
    const { ready } = await dialogue.sync();
    session.toClient(ready);
  }
}
