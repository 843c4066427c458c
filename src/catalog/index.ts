export type { Blocked } from './alter.js';
export type { TableOutcome } from './apply.js';
export {
  type CatalogWatch,
  catalogChannel,
  createCatalog,
  type LiveCatalog,
  readTables,
  type WatchOptions,
  watchCatalog,
} from './catalog.js';
export {
  type ChosenTable,
  type ColumnChoice,
  type ConnectionChoice,
  chooseTables,
  type Grants,
  isChosen,
  type TableChoice,
} from './choices.js';
export { planSchema, planTable, type TablePlan } from './ddl.js';
export { deferGuard, guardName, isProvisionalKey } from './guard.js';
export { bringUpToDate, type InstallOptions, installCatalog, planCatalog } from './install.js';
export { ident, literal, qualified } from './names.js';
export type { InstallPlan, PlannedTable } from './plan.js';
export type { RegisteredTable, TableEntry, TableRegistry } from './port.js';
export {
  applyRecords,
  deleteRecords,
  groupRecords,
  type RecordGroup,
  recordParameter,
  recordSource,
  recordTexts,
} from './records.js';
export { dropStatements, releaseStatements, removeTable } from './remove.js';
export { parseResource } from './snapshot.js';
export type { Catalog, SyncedTable } from './synced-table.js';
export { type ConflictTarget, findConflicts, upsertPlan, upsertSetting } from './upsert.js';
export { copyField, textForm } from './values.js';
export { filteredSession } from './where/filtered.js';
export { conditionSql } from './where/sql.js';
