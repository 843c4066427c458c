/** Keeps the journal as short as the configuration says: once at the start, and then from time to time. */
import type { Journal } from '../store/index.js';
import type { Log } from '../telemetry/index.js';

/** Times in milliseconds. The answer ends it. */
export function startPruning(journal: Journal, retention: number, interval: number, log: Log): () => Promise<void> {
  let running: Promise<unknown> = Promise.resolve();
  const prune = (): void => {
    running = journal.prune(retention).catch((error: unknown) => log.warn({ error }, 'pruning the journal failed'));
  };
  prune();
  const timer = setInterval(prune, interval);
  return async () => {
    clearInterval(timer);
    await running;
  };
}
