export { type Feed, type FeedOptions, type NextTurn, type RecordTarget, startFeed, targetName } from './feed.js';
export { sequinId, syncId, uuidV5 } from './ids.js';
export type { TargetChange } from './report.js';
export type { RecordConnection, RecordFilter } from './routes.js';
export { createTableSql, type Difference, differences, inWords, type TableName } from './shape.js';
