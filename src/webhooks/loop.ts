/** Work that is done again and again, and never twice at a time. */

export interface Loop {
  /** Resolves when nothing of it runs any more. */
  stop(): Promise<void>;
}

/** `work` answers milliseconds until it should run again; its errors are its own to handle. */
export function startLoop(work: () => Promise<number>): Loop {
  let stopped = false;
  let rouse: () => void = () => {};
  const run = async (): Promise<void> => {
    while (!stopped) {
      const wait = await work();
      if (stopped) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, wait);
        rouse = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };
  const ended = run();
  return {
    stop: () => {
      stopped = true;
      rouse();
      return ended;
    },
  };
}
