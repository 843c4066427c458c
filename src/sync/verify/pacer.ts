/** How much of the time the truth check may ask the API, and how long a turn of it is. */
import { pause } from '../pause.js';

export interface Pacer {
  /** Does something that asks the API, and counts the time it takes. */
  meter<T>(work: () => Promise<T>): Promise<T>;
  /**
   * Waits as long as is owed for what was asked; between any two steps. Answers false, at once, where the turn is over: it
   * has lasted long enough, or there is so much to wait that others are to have their turn meanwhile. The first one of a turn
   * answers true, so that every turn gets on. Throws where the signal aborts.
   */
  rest(signal: AbortSignal): Promise<boolean>;
  /** Milliseconds to wait before the API is asked again. */
  owed(): number;
}

/** Milliseconds that a turn waits itself. */
const shortRest = 250;

/** `share`: of the time, above 0, that a request may be under way; at most 1. `turnMs`: of one turn. */
export function createPacer(share: number, turnMs: number): Pacer {
  const begun = performance.now();
  let spent = 0;
  let isFirst = true;
  const owed = (): number => spent * (1 / Math.min(1, share) - 1);
  return {
    meter: async (work) => {
      const asked = performance.now();
      try {
        return await work();
      } finally {
        spent += performance.now() - asked;
      }
    },
    rest: async (signal) => {
      if (!isFirst && (performance.now() - begun >= turnMs || owed() > shortRest)) return false;
      isFirst = false;
      await pause(owed(), signal);
      signal.throwIfAborted();
      spent = 0;
      return true;
    },
    owed,
  };
}
