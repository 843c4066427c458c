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
export { createKit, type Kit, type KitLog, type KitOptions, silentLog } from './kit.js';
export { assignNames, fitName, type Nameable, type NamingOptions, pluralName, snakeCase, sqlName } from './naming.js';
export { describeError, Redactor } from './redact.js';
export { type ConfiguredProvider, createRegistry, type LoadedProvider, type Registry } from './registry.js';
export { Damaged, KeyRing, UnknownKey } from './tokens/seal.js';
export { LocalTokenKeeper, type Renew, type Token, type TokenKeeper } from './tokens.js';
export type * from './webhook.js';
