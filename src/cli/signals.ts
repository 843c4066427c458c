/** Waiting for the wish to stop. */

export type StopSignal = 'SIGINT' | 'SIGTERM';

/**
 * Resolves at the first SIGINT (Ctrl-C) or SIGTERM. From then on a further one does what it does by default: it ends
 * the process, for a stop that takes too long.
 */
export function stopRequested(): Promise<StopSignal> {
  return new Promise((resolve) => {
    const names: readonly StopSignal[] = ['SIGINT', 'SIGTERM'];
    const listener = (name: StopSignal) => {
      for (const each of names) process.removeListener(each, listener);
      resolve(name);
    };
    for (const name of names) process.on(name, listener);
  });
}
