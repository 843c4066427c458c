export {
  type Budget,
  type BudgetOptions,
  type BudgetRequest,
  type Lane,
  LocalBudget,
  type QuotaReport,
} from './budget.js';
export type { Attempt, Call } from './call.js';
export type * from './contract.js';
export { CallFailure, type FailureKind, type Fate, failureOfStatus, parseRetryAfter } from './failure.js';
export {
  type Comparison,
  columnsOf,
  containedText,
  type Filter,
  isPlainText,
  type Plain,
  patternParts,
  plain,
  shortDecimal,
  type Test,
  widen,
} from './filter.js';
export { guardSession } from './guard.js';
export { closeConnections, type HttpAnswer, type HttpRequest, httpRequest } from './http.js';
export { createKit, type Kit, type KitLog, type KitOptions, type RateWindow, silentLog } from './kit.js';
export { assignNames, fitName, type Nameable, type NamingOptions, pluralName, snakeCase, sqlName } from './naming.js';
export { guardedPages } from './pages.js';
export { describeError, Redactor } from './redact.js';
export { type ConfiguredProvider, createRegistry, type LoadedProvider, type Registry } from './registry.js';
export { type BoardStep, type BudgetBoards, SharedBudget, type SharedBudgetOptions } from './shared-budget/index.js';
export {
  Damaged,
  type Grant,
  KeyRing,
  LocalTokenKeeper,
  type Renew,
  rotatedToken,
  SharedTokenKeeper,
  type SharedTokenOptions,
  type Token,
  type TokenKeeper,
  type TokenShelf,
  UnknownKey,
} from './tokens/index.js';
export type * from './webhook.js';
