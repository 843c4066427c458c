export { type Progress, type Sync, type SyncOptions, startSync } from './sync.js';
