/**
 * Makes deliveries durable: a delivery is answered when the database has it. Those that arrive while a transaction is
 * under way share the next one, so a storm costs few transactions, and a row for each record and not for each delivery.
 */
import { createHash } from 'node:crypto';
import type pg from 'pg';
import type { Delivery } from '../provider/index.js';
import { inTransaction, noteDeliveries, sqlstateOf } from '../store/index.js';
import { type Placed, type Places, place } from './placing.js';
import { type DeliveryJobs, queueAll } from './queue.js';

export interface Accepted {
  readonly connection: string;
  readonly delivery: Delivery;
  /** Milliseconds for which its id is kept. */
  readonly window: number;
}

export interface IntakeOptions {
  readonly pool: pg.Pool;
  readonly places: Places;
  readonly jobs: DeliveryJobs;
  /** Called when deliveries are in the database; they are answered when it has resolved, whatever came of it. */
  readonly onQueued: (placed: Placed) => Promise<void>;
}

interface Waiting {
  readonly accepted: Accepted;
  readonly resolve: (outcome: 'new' | 'known') => void;
  readonly reject: (error: unknown) => void;
}

/** Deliveries of one transaction. */
const most = 500;
/** Deadlock and serialization failure: the transaction is worth another try. */
const repeatable = new Set(['40P01', '40001']);

export class Intake {
  private readonly options: IntakeOptions;
  private waiting: Waiting[] = [];
  private running = false;

  constructor(options: IntakeOptions) {
    this.options = options;
  }

  /** Resolves when the delivery is in the database; `known`: it had been before. Rejects when it could not be stored. */
  accept(accepted: Accepted): Promise<'new' | 'known'> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ accepted, resolve, reject });
      if (!this.running) void this.run();
    });
  }

  private async run(): Promise<void> {
    this.running = true;
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, most);
      try {
        const { fresh, placed } = await this.storeAgain(batch.map(({ accepted }) => accepted));
        await this.options.onQueued(placed);
        for (const [index, { resolve }] of batch.entries()) resolve(fresh.has(index) ? 'new' : 'known');
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.running = false;
  }

  private async storeAgain(batch: readonly Accepted[]) {
    try {
      return await this.store(batch);
    } catch (error) {
      if (!repeatable.has(sqlstateOf(error) ?? '')) throw error;
      return this.store(batch);
    }
  }

  private store(batch: readonly Accepted[]) {
    return inTransaction(this.options.pool, async (client) => {
      const fresh = await noteDeliveries(
        client,
        batch.map(({ connection, delivery, window }) => ({ connection, digest: digestOf(delivery.id), window })),
      );
      const news = batch.flatMap(({ connection, delivery }, index) =>
        fresh.has(index) ? [{ connection, news: delivery.news }] : [],
      );
      const placed = place(this.options.places, news);
      await queueAll(client, placed, this.options.jobs);
      return { fresh, placed };
    });
  }
}

/** Ids are of all lengths, and come from outside. */
function digestOf(id: string): Buffer {
  return createHash('sha256').update(id).digest().subarray(0, 16);
}
