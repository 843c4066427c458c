export { type Freshness, type FreshnessOptions, openFreshness, type ReadRelation } from './freshness.js';
export type { TableContext } from './incoming.js';
export {
  type JobContext,
  type JobOptions,
  type JobReport,
  type Jobs,
  type JobsOptions,
  openJobs,
  type Work,
} from './jobs.js';
export { type Cadence, cadenceOf, everyMillis } from './pace.js';
export type { Progress, StateChange } from './reporter.js';
export { rereadNow } from './reread.js';
export { type RereadOptions, registerRereads } from './reread-task.js';
export { type RunResult, type Sync, type SyncOptions, startSync, syncKey, syncTask, wakeTable } from './sync.js';
export { createTurns, type Turn } from './turns.js';
export { startVerifier, type Verifier, type VerifierOptions } from './verify/verifier.js';
