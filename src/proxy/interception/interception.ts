/**
 * Watches a client's messages for mutations of synced tables. Parse, Bind and Describe of one go to the database as they
 * are; its Execute, or a Query that holds one, is taken out of the stream and run by the write path.
 */
import { serialize } from 'pg-protocol';
import {
  type Analysis,
  glance,
  type Mutation,
  mentionsStaleness,
  type RelationName,
  type Statement,
  screen,
} from '../../sql/index.js';
import {
  Front,
  type ParseMessage,
  parseMessage,
  readBind,
  readExecute,
  readParse,
  readQuery,
  readTarget,
} from '../../wire/index.js';
import type { Interceptor, Verdict } from '../client-pump.js';
import { asideOf, mayBeAside } from './asides.js';
import type { Dialogue } from './dialogue.js';
import { FreshWait } from './fresh-wait.js';
import { FreshReads, readsOf } from './freshness.js';
import { Performer } from './performer.js';
import { PortalExecution } from './portal-execution.js';
import { Registry } from './registry.js';
import { Runner, type RunnerSession } from './runner.js';
import { Script } from './script.js';
import { upsertWithin } from './upsert.js';
import { type Work, workOf } from './work.js';

export interface InterceptedSession extends RunnerSession {
  readonly standardStrings: boolean;
  /** Resolves once nothing is outstanding at the backend. */
  quiet(): Promise<void>;
}

export class Interception implements Interceptor {
  readonly #session: InterceptedSession;
  readonly #registry = new Registry();
  readonly #runner: Runner;
  readonly #performer: Performer;
  readonly #portals: PortalExecution;
  readonly #fresh: FreshReads;
  readonly #wait: FreshWait;
  /** A mutation is under way, or a reader waits for fresh data. */
  busy = false;

  constructor(session: InterceptedSession, start: ConstructorParameters<typeof FreshReads>[1] = 'plain') {
    this.#session = session;
    this.#fresh = new FreshReads(session, start);
    this.#runner = new Runner(session);
    this.#performer = new Performer(session, this.#runner);
    this.#portals = new PortalExecution({
      session,
      runner: this.#runner,
      performer: this.#performer,
      registry: this.#registry,
    });
    this.#wait = new FreshWait({
      session,
      runner: this.#runner,
      registry: this.#registry,
      fresh: this.#fresh,
      during: (action) => this.#during(action),
    });
  }

  get following(): boolean {
    return !this.#registry.empty || this.#runner.ownBlock || this.#fresh.active;
  }

  /** To be told of every ReadyForQuery. */
  ready(): void {
    if (this.#session.pipeline.status === 'I') this.#registry.transactionEnded();
  }

  get blank(): boolean {
    return this.#registry.blank && !this.#runner.ownBlock && !this.#fresh.active;
  }

  overlooks(type: number, chunk: Buffer, at: number, end: number): boolean {
    const body = at + 5;
    if (glance(chunk, body, end)) return false;
    // A Parse's text stands behind its statement's name (manual, "Message Formats").
    return type !== Front.parse || !mayBeAside(chunk, chunk.indexOf(0, body) + 1);
  }

  inspect(type: number, message: Buffer): Verdict | Promise<Verdict> {
    switch (type) {
      case Front.query:
        return this.#query(message);
      case Front.parse:
        return this.#parse(message);
      case Front.bind: {
        const bind = readBind(message);
        if (bind === null) return 'pass';
        this.#registry.bound(bind);
        return this.#fresh.active ? this.#wait.bind(bind) : 'pass';
      }
      case Front.execute:
        return this.#execute(message);
      case Front.close: {
        const target = readTarget(message);
        if (target?.kind === 'S') {
          this.#registry.closedStatement(target.name);
          this.#fresh.closed(target.name);
        }
        if (target?.kind === 'P') this.#registry.closedPortal(target.name);
        return 'pass';
      }
      case Front.sync:
        this.#fresh.synced();
        return this.#runner.ownBlock ? this.#during((dialogue) => this.#endPipeline(dialogue), true) : 'pass';
      default:
        return 'pass';
    }
  }

  /** Whether a name could mean a synced table. */
  #candidate(relation: RelationName): boolean {
    const { catalog } = this.#session.port;
    return relation.schema === null
      ? catalog.named(relation.name).length > 0
      : catalog.find(relation.schema, relation.name) !== undefined;
  }

  readonly #workOf = (statement: Statement): Work | null =>
    workOf(statement, {
      candidate: (relation) => this.#candidate(relation),
      prepared: (name) => this.#registry.statement(name) !== undefined,
    });

  /** The text's statements, at once when it is known, or null when it need not be looked at. */
  #analysis(text: Buffer, hasPrepared = !this.#registry.empty): Analysis | Promise<Analysis> | null {
    const latin1 = text.toString('latin1');
    if (!this.#fresh.active && !screen(latin1, hasPrepared)) return null;
    const { encoding, standardStrings, port } = this.#session;
    const { analyser } = port;
    const known =
      analyser.cached(latin1, encoding, standardStrings) ?? analyser.analyse(text, encoding, standardStrings);
    if (!mentionsStaleness(latin1)) return known;
    return Promise.resolve(known).then((analysis) => {
      this.#fresh.named(analysis);
      return analysis;
    });
  }

  #query(message: Buffer): Verdict | Promise<Verdict> {
    const query = readQuery(message);
    if (query === null) return 'pass';
    this.#registry.simpleQuery();
    const analysis = this.#analysis(query.text);
    if (analysis === null) return this.#runner.ownBlock ? this.#script(query.text, null) : 'pass';
    if (!(analysis instanceof Promise)) return this.#queryOf(query.text, analysis);
    return analysis.then((known) => this.#queryOf(query.text, known));
  }

  #queryOf(text: Buffer, analysis: Analysis): Verdict | Promise<Verdict> {
    if (!this.#fresh.active || this.#runner.ownBlock) return this.#run(text, analysis);
    const reads = readsOf(analysis);
    if (!this.#fresh.concerns(reads)) return this.#run(text, analysis);
    return this.#wait.query(reads).then((verdict) => (verdict === 'pass' ? this.#run(text, analysis) : verdict));
  }

  #run(text: Buffer, analysis: Analysis): Verdict | Promise<Verdict> {
    const statements = analysis.kind === 'statements' ? analysis.statements : [];
    const concerned = statements.some((statement) => this.#workOf(statement) !== null);
    if (!concerned) this.#forgetDeallocated(statements);
    if (!concerned && !this.#runner.ownBlock) return 'pass';
    return this.#script(text, concerned ? statements : null);
  }

  #forgetDeallocated(statements: readonly Statement[]): void {
    for (const statement of statements) {
      if (statement.kind !== 'deallocate') continue;
      this.#registry.deallocated(statement.name);
      this.#fresh.closed(statement.name);
    }
  }

  #script(text: Buffer, statements: readonly Statement[] | null): Promise<Verdict> {
    const script = new Script({
      session: this.#session,
      runner: this.#runner,
      performer: this.#performer,
      registry: this.#registry,
      text: Buffer.from(text),
      workOf: this.#workOf,
    });
    return this.#during((dialogue) => script.run(dialogue, statements));
  }

  #parse(message: Buffer): Verdict | Promise<Verdict> {
    const parse = readParse(message);
    if (parse === null) return 'pass';
    const aside = asideOf(parse.text);
    const begins = aside === 'begins';
    // It may be executed when there is something to be freed.
    const analysis = this.#analysis(parse.text, !this.#registry.empty || aside === 'frees');
    if (analysis === null || begins) {
      this.#registry.parsed(
        parse.name,
        begins ? { name: parse.name, work: { kind: 'begin' }, text: Buffer.from(parse.text), declaredTypes: [] } : null,
      );
      return 'pass';
    }
    const register = (known: Analysis): Verdict | Promise<Verdict> => {
      const only = known.kind === 'statements' && known.statements.length === 1 ? known.statements[0] : undefined;
      const work = only?.kind === 'deallocate' ? only : only === undefined ? null : this.#workOf(only);
      if (only === undefined || work === null) {
        this.#registry.parsed(parse.name, null);
        return this.#fresh.active ? this.#wait.parse(parse.name, readsOf(known)) : 'pass';
      }
      const held = { ...parse, text: Buffer.from(parse.text) };
      this.#registry.parsed(parse.name, { ...held, work, declaredTypes: parse.parameterTypes });
      const upsert = upsertWithin(only);
      if (upsert !== null) return this.#during((dialogue) => this.#parseUpsert(dialogue, held, upsert));
      return this.#fresh.active ? this.#wait.parse(parse.name, readsOf(known)) : 'pass';
    };
    return analysis instanceof Promise ? analysis.then(register) : register(analysis);
  }

  /** The database parses an upsert in the form that it can take; one that cannot be an API request fails here. */
  async #parseUpsert(dialogue: Dialogue, parse: ParseMessage, upsert: Mutation): Promise<Verdict> {
    const { pipeline } = this.#session;
    if (pipeline.status === 'E' && !pipeline.executed) return 'pass';
    try {
      const { text } = parse;
      const changed = await this.#performer.upsertText(upsert, text, { start: 0, end: text.length });
      if (changed === null) return 'pass';
      dialogue.send(parseMessage(parse.name, changed, parse.parameterTypes), serialize.flush());
      this.#session.toClient(await dialogue.next());
    } catch (error) {
      this.#registry.parsed(parse.name, null);
      this.#session.toClient(await this.#runner.fail(error));
    }
    return 'consumed';
  }

  #execute(message: Buffer): Verdict | Promise<Verdict> {
    const execute = readExecute(message);
    const portal = execute === null ? undefined : this.#registry.portal(execute.portal);
    if (execute === null || portal === undefined) return 'pass';
    const { work } = portal.statement;
    if (work.kind === 'deallocate') {
      this.#registry.deallocated(work.name);
      this.#fresh.closed(work.name);
      return 'pass';
    }
    const { maxRows } = execute;
    const held = Buffer.from(message);
    return this.#during((dialogue) => this.#portals.execute(dialogue, portal, held, maxRows));
  }

  /** Runs something with the backend's answers captured. Passes the message on when the pipeline has failed before it. */
  async #during(action: (dialogue: Dialogue) => Promise<Verdict> | Verdict, evenFailed = false): Promise<Verdict> {
    const { dialogue } = this.#session;
    this.busy = true;
    try {
      // The pump forwards what stands before this message as soon as inspect returns: that has to come first.
      await Promise.resolve();
      const usable = await dialogue.open(this.#session.quiet());
      try {
        return usable || evenFailed ? await action(dialogue) : 'pass';
      } finally {
        dialogue.close();
      }
    } finally {
      this.busy = false;
    }
  }

  /**
   * The client's Sync ends the block that Upwrite opened for its pipeline. After an error the database skips to the Sync
   * itself, and only then can the block be rolled back.
   */
  async #endPipeline(dialogue: Dialogue): Promise<Verdict> {
    if (this.#session.pipeline.failed) {
      await dialogue.sync();
      await this.#runner.leaveBlock('ROLLBACK');
    } else {
      await this.#runner.leaveBlock('COMMIT');
    }
    const { ready } = await dialogue.sync();
    this.#session.toClient(ready);
    return 'consumed';
  }
}
