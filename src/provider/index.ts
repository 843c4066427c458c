export type * from './contract.js';
export type * from './kit.js';
