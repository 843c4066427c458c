/** One text → its `Analysis`. Runs in the parser's worker thread; synchronous once the library is loaded. */
import { hasSqlDetails, type ParseResult, parseSync } from 'libpg-query';
import { classify } from './classify.js';
import { type ClientEncoding, readable } from './encoding.js';
import { isStalenessSet, readRelations } from './reads.js';
import type { Analysis } from './statement.js';

export interface Reading {
  readonly analysis: Analysis;
  /** Whether the parser's instance may have been left corrupt: it must not be used again. */
  readonly corrupt: boolean;
}

type Opaque = Extract<Analysis, { kind: 'opaque' }>['why'];

function opaque(why: Opaque, corrupt = false): Reading {
  return { analysis: { kind: 'opaque', why }, corrupt };
}

/** Never throws. `bytes`: the text as the client sent it, without the protocol's closing NUL. */
export function read(bytes: Uint8Array, encoding: ClientEncoding): Reading {
  const text = readable(bytes, encoding);
  if (text === null) return opaque('encoding');
  // The library refuses an empty text, which Postgres takes.
  if (bytes.length === 0) return { analysis: { kind: 'statements', statements: [], reads: [] }, corrupt: false };
  try {
    const tree = parse(text.utf8);
    if (tree === null) return opaque('syntax');
    const span = (extent: { readonly start: number; readonly end: number }) => ({
      start: text.original(extent.start),
      end: text.original(extent.end),
    });
    return {
      analysis: {
        kind: 'statements',
        statements: classify(tree, { bytes: text.utf8, span }),
        reads: readRelations(tree),
        ...(isStalenessSet(tree) ? { setsStaleness: true } : {}),
      },
      corrupt: false,
    };
  } catch {
    // A stack overflow, or running out of memory, leaves the WebAssembly's memory in no known state.
    return opaque('failure', true);
  }
}

/** Null where the text is no SQL; anything else than that is thrown on. */
function parse(utf8: Uint8Array): ParseResult | null {
  try {
    return parseSync(Buffer.from(utf8.buffer, utf8.byteOffset, utf8.byteLength).toString('utf8'));
  } catch (error) {
    if (hasSqlDetails(error)) return null;
    throw error;
  }
}
