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
  type TableChoice,
} from './choices.js';
export { planSchema, planTable, type TablePlan } from './ddl.js';
export { deferGuard, guardName, isProvisionalKey } from './guard.js';
export { type InstallOptions, type InstallPlan, installCatalog, type PlannedTable, planCatalog } from './install.js';
export { ident, literal, qualified } from './names.js';
export type { RegisteredTable, TableRegistry } from './port.js';
export {
  applyRecords,
  deleteRecords,
  groupRecords,
  type RecordGroup,
  recordParameter,
  recordSource,
  recordTexts,
} from './records.js';
export type { Catalog, SyncedTable } from './synced-table.js';
export { type ConflictTarget, findConflicts, upsertPlan, upsertSetting } from './upsert.js';
export { copyField, textForm } from './values.js';
