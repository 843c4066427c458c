export { Known } from './known.js';
export { type Settler, type SettlerOptions, startSettler } from './settle.js';
export type { Boundary, WriteLog } from './watch.js';
export { WritePath, type WritePathOptions, type Written } from './write-path.js';
