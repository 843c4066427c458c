/**
 * An upper bound for the parser's WebAssembly memory, which has none of its own below 2 GB. Short texts can ask for any
 * amount: the parser's output repeats the right side of `(a, b, …) = (…)` for each column, and nested ones multiply.
 */

interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

const pageBytes = 65_536;

/** TypeScript knows WebAssembly only as part of the browser's library. */
function memoryPrototype(): WasmMemory {
  const scope = globalThis as typeof globalThis & { WebAssembly: { Memory: { prototype: WasmMemory } } };
  return scope.WebAssembly.Memory.prototype;
}

/**
 * From here on no WebAssembly memory of this thread grows past `limit` bytes. The parser then runs out of memory and
 * fails; it has to be replaced.
 */
export function boundWasmMemory(limit: number): void {
  const prototype = memoryPrototype();
  const grow = prototype.grow;
  prototype.grow = function bounded(this: WasmMemory, pages: number): number {
    if (this.buffer.byteLength + pages * pageBytes > limit) throw new RangeError('the parser needs too much memory');
    return grow.call(this, pages);
  };
}
