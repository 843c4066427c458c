/** Where a reader waits for fresh data: before a Query, a Parse or a Bind that reads synced tables. */
import type { BindMessage } from '../../wire/index.js';
import type { Verdict } from '../client-pump.js';
import type { Dialogue } from './dialogue.js';
import type { FreshReads, FreshSession, Reads } from './freshness.js';
import type { Registry } from './registry.js';
import type { Runner } from './runner.js';

export interface FreshWaitOptions {
  readonly session: FreshSession;
  readonly runner: Runner;
  readonly registry: Registry;
  readonly fresh: FreshReads;
  /** Runs something with the backend's answers captured; `pass` at once when the pipeline has failed before. */
  readonly during: (action: (dialogue: Dialogue) => Promise<Verdict>) => Promise<Verdict>;
}

export class FreshWait {
  readonly #o: FreshWaitOptions;

  constructor(options: FreshWaitOptions) {
    this.#o = options;
  }

  /** Brings what a Query reads up to date, before its text is run. */
  query(reads: Reads): Promise<Verdict> {
    const { session, during } = this.#o;
    return during(async (dialogue) => {
      if (session.pipeline.status === 'E') return 'pass';
      const failed = await this.#refresh(reads);
      const { ready } = await dialogue.sync();
      if (failed) session.toClient(ready);
      return failed ? 'consumed' : 'pass';
    });
  }

  /** The same for a Parse: where a transaction keeps its first snapshot, Postgres takes it to analyse the text. */
  parse(name: string, reads: Reads): Verdict | Promise<Verdict> {
    const { fresh, registry } = this.#o;
    fresh.parsed(name, reads);
    return this.#before(reads, () => {
      fresh.closed(name);
      registry.closedStatement(name);
    });
  }

  /** And for a Bind, which takes the snapshot that its portal reads with; not for one right behind its Parse. */
  bind(bind: BindMessage): Verdict | Promise<Verdict> {
    const { fresh, registry } = this.#o;
    const reads = fresh.bound(bind.statement);
    return reads === null ? 'pass' : this.#before(reads, () => registry.closedPortal(bind.portal));
  }

  #before(reads: Reads, undo: () => void): Verdict | Promise<Verdict> {
    const { fresh, session, during } = this.#o;
    if (!fresh.concerns(reads)) return 'pass';
    return during(async () => {
      const { pipeline } = session;
      if (pipeline.status === 'E' && !pipeline.executed) return 'pass';
      if (!(await this.#refresh(reads))) return 'pass';
      undo();
      return 'consumed';
    });
  }

  /** Whether it failed: then the client has the error, and the database's transaction has failed as well. */
  async #refresh(reads: Reads): Promise<boolean> {
    const { fresh, session, runner } = this.#o;
    try {
      await fresh.refresh(reads);
      return false;
    } catch (error) {
      session.toClient(await runner.fail(error));
      return true;
    }
  }
}
