/** Work that is done again and again: at an interval, at once when it is asked for, and never twice at a time. */

export interface Loop {
  /** Runs at once, or once more when it is running. */
  wake(): void;
  /** Resolves when nothing of it runs any more. */
  stop(): Promise<void>;
}

/** `work` answers milliseconds until it should run again at the latest; its errors are its own to handle. */
export function startLoop(work: (signal: AbortSignal) => Promise<number>): Loop {
  const controller = new AbortController();
  const { signal } = controller;
  let woken = false;
  let rouse: () => void = () => {};
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      woken = false;
      const wait = await work(signal);
      if (woken) continue;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, wait);
        rouse = () => {
          clearTimeout(timer);
          resolve();
        };
        if (signal.aborted || woken) rouse();
      });
    }
  };
  const ended = run();
  const wake = (): void => {
    woken = true;
    rouse();
  };
  return {
    wake,
    stop: () => {
      controller.abort();
      wake();
      return ended;
    },
  };
}
