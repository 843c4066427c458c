export { type BoardChange, type BoardOptions, type Boards, openBoards } from './budgets.js';
export {
  inTransaction,
  internalOptions,
  internalPool,
  isDatabaseAway,
  isLockTimeout,
  type Json,
  type Queryable,
  sqlstateOf,
} from './database.js';
export {
  type DeliveryNote,
  dropAllExpectations,
  dropExpectations,
  type Expectation,
  nextExpectation,
  noteDeliveries,
  noteExpectations,
  postponeExpectations,
  pruneDeliveries,
  tablesWithExpectations,
  tablesWithQueue,
  takeExpectations,
} from './deliveries.js';
export { type DueOptions, dueIn, forgetDescribed, noteDescribed } from './descriptions.js';
export { type Doubt, doubtsOf, noteSeen, type Seen, seenRows } from './doubts.js';
export {
  areHooksWished,
  beginHook,
  countDeliveries,
  forgetHook,
  forgetOldHooks,
  type HookState,
  hookCursor,
  hookRegistered,
  listHooks,
  noteHook,
  type StoredHook,
  setHookCursor,
  wishHooks,
} from './hooks.js';
export {
  type Claimed,
  type IntentRow,
  type Journal,
  type JournalEntry,
  type JournalVerb,
  NotOwner,
  openJournal,
  type Report,
  type RowOutcome,
  type Ticket,
  type Unsettled,
  type UnsettledRow,
} from './journal.js';
export { type Lease, type LeaseOptions, takeLease } from './lease.js';
export {
  beginApply,
  beginWithLocks,
  conflictLocks,
  lockKey,
  lockKeys,
  lockSession,
  lockTableExclusive,
  lockTableShared,
  lockTablesShared,
  runAlone,
  tableLockKey,
  unlockSession,
} from './locks.js';
export { type MigrationResult, migrate } from './migrate.js';
export {
  type Advance,
  type Busy,
  type Claim,
  NotWorker,
  type Position,
  type Positions,
  positions,
} from './positions.js';
export {
  type RecordRoute,
  type Records,
  type RecordTargetHealth,
  type RecordTargetState,
  type RouteProgress,
  records,
  recordsLate,
  recordsLateMs,
  type WaitingChange,
} from './records.js';
export { canBecome, isFinal, type MutationState, statesBefore } from './states.js';
export {
  type RegisteredTable,
  type ShownState,
  type StoredTable,
  type TableHealth,
  type TableState,
  type Tables,
  tables,
} from './tables.js';
export { type StoredSecret, type TokenShelfOptions, tokenShelf } from './tokens.js';
export { forgetUnfit, noteUnfit } from './unfit.js';
export {
  type Mismatch,
  type PassPosition,
  type Verification,
  type VerificationHealth,
  verification,
} from './verification.js';
export { isPaused, pauseTable, resumeTable, resyncTable, type TableName, type Wished } from './wishes.js';
export {
  countSwept,
  drawOrder,
  dropStale,
  forgetWrites,
  noteReads,
  noteSwept,
  queueStale,
  staleKeys,
  stillStale,
  writtenSince,
} from './writes.js';
