export { type Account, giveTo, serverAccount, writeOwned } from './account.js';
export { findInstallation, type Installation, majorVersion, runnableInstallation } from './binaries.js';
export { bootstrap, names, type Passwords, type ServerAddress } from './bootstrap.js';
export {
  type Cluster,
  initCluster,
  ServerFailure,
  type Settings,
  type StopMode,
  startCluster,
  stopLeftover,
} from './cluster.js';
export { type Embedded, type EmbeddedOptions, embeddedUrl, startEmbedded } from './embedded.js';
export { FolderInUse, lockFolder } from './lock.js';
export { freePort, makeSocketDir } from './network.js';
