export { type Freshness, type FreshnessOptions, openFreshness, type ReadRelation } from './freshness.js';
export { type Progress, type Sync, type SyncOptions, startSync } from './sync.js';
export { startVerifier, type Verifier, type VerifierOptions } from './verify/verifier.js';
