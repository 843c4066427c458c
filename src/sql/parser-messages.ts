/** What crosses between the event loop and the parser's worker thread. */
import type { ClientEncoding } from './encoding.js';
import type { Analysis } from './statement.js';

export interface ParserRequest {
  readonly bytes: Uint8Array;
  readonly encoding: ClientEncoding;
}

export type ParserAnswer =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'analysis';
      readonly analysis: Analysis;
      /** The analysis's size in bytes, serialised. */
      readonly weight: number;
      /** Whether this thread wants to be replaced before the next text. */
      readonly retire: boolean;
    };
