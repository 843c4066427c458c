/**
 * Has tables read again what is queued, and not more often than it makes sense: the first delivery at once, those that come
 * shortly after it together. So a record that changes a hundred times in a second is read twice.
 */

/** Milliseconds from one reading of a table's queue to the next. */
const spacing = 500;

export interface Waker {
  /** Resolves when the reading is certain to come. */
  wake(tableOids: Iterable<number>): Promise<void>;
}

/** `wakeTable` is called at once, and says itself when in `delayMs` the reading is to be. Its errors are its own. */
export function createWaker(
  wakeTable: (tableOid: number, delayMs: number) => Promise<void>,
  now: () => number = Date.now,
): Waker {
  /** When each table is read next, or was read last. */
  const times = new Map<number, number>();
  return {
    wake: async (tableOids) => {
      const at = now();
      const due = [...new Set(tableOids)].flatMap((oid) => {
        const time = times.get(oid) ?? 0;
        // A reading that is still to come will see this delivery too.
        if (time > at) return [];
        const next = Math.max(at, time + spacing);
        times.set(oid, next);
        return [wakeTable(oid, next - at)];
      });
      await Promise.all(due);
    },
  };
}
