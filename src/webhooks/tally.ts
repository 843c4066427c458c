/** Counts deliveries for `upwrite.webhooks`, says in the log that some were refused, and forgets old notes of them. */
import type pg from 'pg';
import type { KitLog } from '../provider/index.js';
import { countDeliveries, pruneDeliveries } from '../store/index.js';
import { startLoop } from './loop.js';
import type { Outcome } from './receiver.js';

export interface Tally {
  readonly count: (connection: string | null, outcome: Outcome, hook: string | null) => void;
  /** What has been counted by then is noted. */
  stop(): Promise<void>;
}

/** Milliseconds between two notes of counts, between two lines about refusals, and between two prunings. */
const countInterval = 2000;
const lineInterval = 60_000;
const pruneInterval = 30_000;
/** Rows of one pruning. */
const pruned = 20_000;
/** Hooks in one note; the names come from outside. */
const mostHooks = 1000;

interface Count {
  readonly connection: string;
  readonly hook: string | null;
  count: number;
}

export function startTally(pool: pg.Pool, log: KitLog): Tally {
  let counts = new Map<string, Count>();
  let refused = new Map<string, number>();
  let lineAt = 0;
  const say = (): void => {
    if (refused.size === 0 || Date.now() < lineAt) return;
    lineAt = Date.now() + lineInterval;
    log.warn({ deliveries: Object.fromEntries(refused) }, 'deliveries of webhooks were refused');
    refused = new Map();
  };
  const note = async (): Promise<void> => {
    const written = counts;
    counts = new Map();
    try {
      if (written.size > 0) await countDeliveries(pool, [...written.values()]);
    } catch (error) {
      log.debug({ error }, 'deliveries of webhooks were not counted');
    }
  };
  const counting = startLoop(async () => {
    say();
    await note();
    return countInterval;
  });
  const pruning = startLoop(async () => {
    try {
      return (await pruneDeliveries(pool, pruned)) === pruned ? 0 : pruneInterval;
    } catch (error) {
      log.debug({ error }, 'old deliveries of webhooks were not pruned');
      return pruneInterval;
    }
  });
  return {
    count: (connection, outcome, hook) => {
      if (connection === null || outcome === 'failed') return;
      if (outcome !== 'new' && outcome !== 'known') {
        refused.set(connection, (refused.get(connection) ?? 0) + 1);
        return;
      }
      const name = `${connection}\0${hook ?? ''}`;
      const known = counts.get(name);
      if (known !== undefined) known.count += 1;
      else if (counts.size < mostHooks) counts.set(name, { connection, hook, count: 1 });
    },
    stop: async () => {
      await Promise.all([counting.stop(), pruning.stop()]);
      await note();
    },
  };
}
