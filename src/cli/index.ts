export { aliveCommand } from './alive.js';
export { type CheckOptions, checkCommand } from './check.js';
export type { Command, CommandArguments, CommandContext, CommandOption, Commands, Io } from './command.js';
export { clientConfig, mayGoWithoutTls } from './database.js';
export {
  type Embedded,
  type EmbeddedOptions,
  embeddedUrl,
  FolderInUse,
  freePort,
  startEmbedded,
} from './embedded/index.js';
export type { Finding } from './finding.js';
export { type OperateOptions, operateCommands } from './operate.js';
export { tableSqlCommand } from './records.js';
export { type CliOptions, describeFailure, exitCodes, runCli } from './run.js';
export { hasChanges, showPlan } from './show-plan.js';
export { type StopSignal, stopRequested } from './signals.js';
