/** Waiting that ends early. */

/** setTimeout's own limit: a longer delay would fire at once. */
const longestTimer = 2_147_483_647;

/**
 * Resolves at `until` (epoch milliseconds, by `now`), or when `early` resolves; throws the signal's reason when it
 * aborts. Leaves no timer and no listener behind.
 */
export async function waitUntil(
  until: number,
  now: () => number,
  signal: AbortSignal,
  early?: Promise<void>,
): Promise<void> {
  signal.throwIfAborted();
  let timer: NodeJS.Timeout | undefined;
  let abort = (): void => {};
  const ended = new Promise<void>((resolve, reject) => {
    timer = setTimeout(resolve, Math.min(Math.max(0, until - now()), longestTimer));
    abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
  });
  try {
    await (early === undefined ? ended : Promise.race([ended, early]));
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}
