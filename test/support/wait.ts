/** Waiting for a condition with a deadline: the only place in these tests where time passes on purpose. */

/**
 * Polls `condition` until it holds.
 * @param what named in the error when the deadline passes
 * @param deadlineMs milliseconds, a minute by default: a machine may stand still for seconds more than once
 * @throws when the deadline passes first
 */
export async function waitFor(
  what: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs = 60_000,
): Promise<void> {
  const end = Date.now() + deadlineMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited ${deadlineMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Rejects with `what` in its message unless `work` settles within `deadlineMs` milliseconds. */
export async function within<T>(deadlineMs: number, what: () => string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${deadlineMs} ms for ${what()}`)), deadlineMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
