/** Tells how a table's sync is doing: to `upwrite.tables` where its state changes, to the log, and to whoever listens. */
import type pg from 'pg';
import type { SyncedTable } from '../catalog/index.js';
import type { KitLog, Page } from '../provider/index.js';
import { type Claim, type Position, type TableState, tables } from '../store/index.js';
import type { Failure } from './failure.js';

/** How a table's sync is doing, as this process sees it. */
export interface Progress {
  readonly table: SyncedTable;
  readonly state: TableState;
  /** Why it is paused or unhealthy. */
  readonly reason: string | null;
  /** Of the full listing that is running, or of the last one. */
  readonly pages: number;
  readonly rows: number;
  /** Where the API says so. */
  readonly expectedRows: number | null;
  /** Of the listing that is running. */
  readonly rowsPerSecond: number | null;
}

/** A change of a table's state, as it was committed. */
export interface StateChange {
  readonly table: SyncedTable;
  readonly from: TableState;
  readonly to: TableState;
  readonly reason: string | null;
}

export interface ReporterOptions {
  readonly pool: pg.Pool;
  readonly log: KitLog;
  readonly table: SyncedTable;
  readonly onProgress: (progress: Progress) => void;
  readonly onStateChange: (change: StateChange) => Promise<void>;
}

/** Milliseconds between two lines of progress in the log. */
const logInterval = 10_000;

/** The reporter of one run. */
export class Reporter {
  readonly #o: ReporterOptions;
  #progress: Progress;
  #started = false;
  #everSynced = false;
  #logged = performance.now();

  constructor(options: ReporterOptions) {
    this.#o = options;
    const { table } = options;
    const none = { reason: null, pages: 0, rows: 0, expectedRows: null, rowsPerSecond: null };
    this.#progress = { table, state: 'backfilling', ...none };
  }

  async start({ state, reason, everSynced }: Claim, position: Position): Promise<void> {
    const { pages, rows, expectedRows } = position;
    this.#started = true;
    this.#everSynced = everSynced;
    this.#progress = { ...this.#progress, state, reason, pages, rows, expectedRows };
    this.#o.onProgress(this.#progress);
  }

  /**
   * The first listing, and one that an operator has asked for, is a backfill. A table that lists everything anew because
   * its API has no changes to ask for stays live meanwhile.
   */
  async page({ pages, rows, expectedRows, fullListing }: Position, page: Page, rate: number | null): Promise<void> {
    const { incremental } = this.#o.table.resource.pull;
    const state = fullListing && (incremental || !this.#everSynced) ? 'backfilling' : 'live';
    const further = page.last ? { rowsPerSecond: null } : { rowsPerSecond: rate };
    await this.#set(page.last ? this.#progress.state : state, page.last ? this.#progress.reason : null, {
      pages,
      rows,
      expectedRows,
      ...further,
    });
    if (state !== 'backfilling' || performance.now() - this.#logged < logInterval) return;
    this.#logged = performance.now();
    const perSecond = rate === null ? null : Math.round(rate);
    this.#o.log.info({ table: this.#name, pages, rows, expectedRows, rowsPerSecond: perSecond }, 'backfilling');
  }

  async live(): Promise<void> {
    await this.#set('live', null);
  }

  /** An operator's pause, or one for as long as its definition does not allow the sync. */
  async paused(reason: string): Promise<void> {
    await this.#set('paused', reason, {}, true);
  }

  /** Where even this cannot be written, it is told to this process alone. */
  async failed(failure: Exclude<Failure, { kind: 'elsewhere' }>, error: unknown): Promise<void> {
    this.#o.log.warn({ table: this.#name, reason: failure.reason, err: error }, 'the sync of a table failed');
    try {
      await this.#set(failure.kind, failure.reason);
    } catch (unwritten) {
      this.#o.log.debug({ table: this.#name, err: unwritten }, 'the state could not be written');
      this.#progress = { ...this.#progress, state: failure.kind, reason: failure.reason };
      this.#o.onProgress(this.#progress);
    }
  }

  get #name(): string {
    return `${this.#o.table.schema}.${this.#o.table.name}`;
  }

  async #set(state: TableState, reason: string | null, further: Partial<Progress> = {}, wished = false): Promise<void> {
    const { pool, log, table } = this.#o;
    const isNew = !this.#started || this.#progress.state !== state || this.#progress.reason !== reason;
    if (isNew) {
      const from = await tables.setState(pool, table.oid, { state, reason, wished });
      if (from !== null) {
        log.info({ table: this.#name, from, state, reason }, 'sync');
        await this.#o.onStateChange({ table, from, to: state, reason });
      }
    }
    this.#progress = { ...this.#progress, ...further, state, reason };
    this.#o.onProgress(this.#progress);
  }
}
