export type { Catalog, SyncedTable } from './synced-table.js';
