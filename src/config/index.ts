export type {
  ColumnSelection,
  Config,
  ConnectionConfig,
  LimitsConfig,
  ListenConfig,
  RecordsConfig,
  SyncConfig,
  TableSelection,
  TlsConfig,
  TlsMode,
  WebhooksConfig,
  WritesConfig,
} from './config.js';
export { type DatabaseTarget, DatabaseUrlError, parseDatabaseUrl, type SslMode } from './database.js';
export type { Environment } from './environment.js';
export { defaultConfig, type LoadedConfig, type LoadOptions, loadConfig, parseConfig } from './load.js';
export { ConfigError, type Problem } from './problem.js';
export { configReference, configReferenceMarkdown, type ReferenceRow } from './reference.js';
export { parseDuration, parseSize } from './units.js';
