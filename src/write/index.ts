export { startSettler, type Settler, type SettlerOptions } from './settle.js';
export { type Boundary, WritePath, type WritePathOptions, type Written } from './write-path.js';
