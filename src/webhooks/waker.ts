/**
 * Has tables read again what is queued, and not more often than it makes sense: the first delivery at once, those that come
 * shortly after it together. So a record that changes a hundred times in a second is read twice.
 */

/** Milliseconds from one reading of a table's queue to the next. */
const spacing = 500;

export interface Waker {
  /** Resolves when readings that are not put off are certain to come. */
  wake(tableOids: Iterable<number>): Promise<void>;
  /** Readings that were put off, or would be from now on, are left to whoever looks at the queue next. */
  stop(): void;
}

/**
 * `wakeTable` asks for a reading that begins after it was called. It is called when the reading is wanted and not before:
 * one that was asked for earlier could begin earlier, and miss what is queued in between. Its errors are its own.
 */
export function createWaker(wakeTable: (tableOid: number) => Promise<void>): Waker {
  /** When each table was last read, in epoch milliseconds. */
  const times = new Map<number, number>();
  const timers = new Map<number, NodeJS.Timeout>();
  let stopped = false;
  const read = (oid: number): Promise<void> => {
    times.set(oid, Date.now());
    return wakeTable(oid);
  };
  return {
    wake: async (tableOids) => {
      const due = [...new Set(tableOids)].flatMap((oid) => {
        if (timers.has(oid)) return [];
        const wait = (times.get(oid) ?? 0) + spacing - Date.now();
        if (wait <= 0) return [read(oid)];
        if (stopped) return [];
        const timer = setTimeout(() => {
          timers.delete(oid);
          void read(oid);
        }, wait);
        timers.set(oid, timer);
        return [];
      });
      await Promise.all(due);
    },
    stop: () => {
      stopped = true;
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
    },
  };
}
