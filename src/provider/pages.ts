/**
 * The pages of a listing, with what `faults` makes of the errors on the way: it is given each page as it is waited for.
 * Whoever stops early ends the listing.
 */
export async function* guardedPages<T>(
  pages: AsyncIterable<T>,
  faults: <V>(work: Promise<V>) => Promise<V>,
): AsyncGenerator<T> {
  const iterator = pages[Symbol.asyncIterator]();
  try {
    for (;;) {
      const step = await faults(iterator.next());
      if (step.done === true) return;
      yield step.value;
    }
  } finally {
    await iterator.return?.();
  }
}
