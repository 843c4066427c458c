/**
 * An Execute of a portal that Upwrite deals with itself. It is run once, whole, and its rows are handed out as they are
 * asked for. Source: PostgreSQL manual, "Extended Query".
 */
import { serialize } from 'pg-protocol';
import { Back, commandComplete, errorResponse, portalSuspended } from '../../wire/index.js';
import type { Verdict } from '../client-pump.js';
import type { Dialogue } from './dialogue.js';
import type { ExplainAddition } from './explain.js';
import type { Performer } from './performer.js';
import { type KnownPortal, type PortalResult, preparedStatement, type Registry } from './registry.js';
import type { MutationAnswer, Runner, RunnerSession } from './runner.js';

interface Parts {
  readonly session: RunnerSession;
  readonly runner: Runner;
  readonly performer: Performer;
  readonly registry: Registry;
}

export class PortalExecution {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** `message`: the Execute as it came, `maxRows`: its limit, 0 for none. Its answer goes to the client. */
  async execute(dialogue: Dialogue, portal: KnownPortal, message: Buffer, maxRows: number): Promise<Verdict> {
    if (portal.result !== null) return this.#handOut(portal.bind.portal, portal.result, maxRows);
    const { pipeline } = this.#parts.session;
    if (pipeline.status === 'E' && !pipeline.executed) return 'pass';
    const { work, text } = portal.statement;
    try {
      if (work.kind === 'explain') {
        const addition = await this.#parts.performer.explanation(work);
        return addition === null ? 'pass' : await this.#relayExecute(dialogue, message, addition);
      }
      if (work.kind === 'prepare') {
        // Prepared now, and known by its name from now on.
        this.#parts.registry.parsed(work.name, preparedStatement(work, text));
        return 'pass';
      }
      if (work.kind === 'begin')
        return this.#parts.runner.ownBlock ? await this.#handBlockOver(dialogue, message) : 'pass';
      const answer = await this.#answerOf(dialogue, portal);
      if (answer === null) return 'pass';
      const returning = answer.rowDescription !== null;
      portal.result = { rows: answer.rows, handedOut: 0, tag: answer.tag, returning, ended: false };
      return await this.#handOut(portal.bind.portal, portal.result, maxRows);
    } catch (error) {
      this.#parts.session.toClient(await this.#parts.runner.fail(error));
      return 'consumed';
    }
  }

  async #answerOf(dialogue: Dialogue, portal: KnownPortal): Promise<MutationAnswer | null> {
    const { work, text, declaredTypes, name } = portal.statement;
    const { parameters, resultFormats } = portal.bind;
    switch (work.kind) {
      case 'refused':
        return this.#parts.performer.refuse(work);
      case 'copyFrom':
        return this.#parts.performer.copy(work, text);
      case 'execute': {
        const known = this.#parts.registry.statement(work.name);
        return known === undefined ? null : this.#parts.performer.execute(work, text, known, resultFormats);
      }
      case 'mutation': {
        const parameterTypes = work.parameters > 0 ? await this.#parameterTypes(dialogue, name, declaredTypes) : [];
        return this.#parts.performer.mutation(work, text, { parameters, parameterTypes, resultFormats });
      }
      default:
        return null;
    }
  }

  /** Lets the database execute the portal, and adds to its answer. */
  async #relayExecute(dialogue: Dialogue, message: Buffer, addition: ExplainAddition): Promise<Verdict> {
    dialogue.send(message, serialize.flush());
    for (;;) {
      const answer = await dialogue.next();
      this.#parts.session.toClient(addition.edit(answer));
      if (answer[0] !== Back.dataRow) return 'consumed';
    }
  }

  /** The parameter types as the database resolved them, from the client's own prepared statement. */
  async #parameterTypes(dialogue: Dialogue, name: string, declared: readonly number[]): Promise<readonly number[]> {
    dialogue.send(serialize.describe({ type: 'S', name }), serialize.flush());
    const description = await dialogue.expect(Back.parameterDescription);
    await dialogue.next();
    const types: number[] = [];
    const count = description.readUInt16BE(5);
    for (let i = 0; i < count; i++) types.push(description.readUInt32BE(7 + i * 4));
    return types.length > 0 ? types : declared;
  }

  /** The client's own BEGIN takes over the block that Upwrite has opened, without the warning that there is one. */
  async #handBlockOver(dialogue: Dialogue, message: Buffer): Promise<Verdict> {
    await dialogue.noticesOf(async () => {
      dialogue.send(message, serialize.flush());
      this.#parts.session.toClient(await dialogue.next());
    });
    this.#parts.runner.ownBlock = false;
    return 'consumed';
  }

  /**
   * A portal's rows, up to a limit, with what Postgres says behind them: the count of this Execute. A portal without rows
   * can be run once.
   */
  async #handOut(portal: string, result: PortalResult, maxRows: number): Promise<Verdict> {
    if (!result.returning) {
      if (result.ended) return this.#cannotRun(portal);
      result.ended = true;
      this.#parts.session.toClient(commandComplete(result.tag));
      return 'consumed';
    }
    const left = result.rows.length - result.handedOut;
    const count = maxRows > 0 ? Math.min(maxRows, left) : left;
    for (const row of result.rows.slice(result.handedOut, result.handedOut + count)) this.#parts.session.toClient(row);
    result.handedOut += count;
    const suspended = maxRows > 0 && count === maxRows;
    this.#parts.session.toClient(
      suspended ? portalSuspended() : commandComplete(result.tag.replace(/\d+$/, String(count))),
    );
    return 'consumed';
  }

  async #cannotRun(portal: string): Promise<Verdict> {
    const sqlstate = '55000';
    await this.#parts.runner.failDatabase(sqlstate);
    this.#parts.session.toClient(errorResponse({ sqlstate, message: `portal "${portal}" cannot be run` }));
    return 'consumed';
  }
}
