/** The SQL room: what a client's text is (screen, parse, classify), and cutting pieces out of it. */
export { type Analyser, type AnalyserOptions, createAnalyser } from './analyser.js';
export { encodeFor } from './encode.js';
export { type ClientEncoding, clientEncoding } from './encoding.js';
export { glance } from './glance.js';
export { mentionsStaleness, stalenessSetting } from './reads.js';
export { screen } from './screen.js';
export {
  asciiIdentifier,
  type Change,
  changed,
  evaluationText,
  quoteIdentifier,
  quoteLiteral,
  returningText,
  slice,
} from './splice.js';
export type * from './statement.js';
