/**
 * The Postgres that comes with Upwrite, for trying it out without a database of one's own.
 *
 * Everything is kept in one folder: `postgres/` (the data), `postgres.log`, `embedded.json` (passwords and port, mode
 * 0600) and `lock`. The server listens on 127.0.0.1 and on a Unix socket, asks for a SCRAM password on both, and is
 * not meant for production.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { type Account, serverAccount, writeOwned } from './account.js';
import { findInstallation, type Installation, majorVersion, runnableInstallation } from './binaries.js';
import { bootstrap, names } from './bootstrap.js';
import { type Cluster, initCluster, ServerFailure, type Settings, startCluster, stopLeftover } from './cluster.js';
import { type FolderLock, lockFolder } from './lock.js';
import { freePort, makeSocketDir } from './network.js';
import { type EmbeddedState, newState, readState, writeState } from './state.js';

export interface EmbeddedOptions {
  /** The folder that keeps everything; made if missing. */
  readonly directory: string;
  /** Takes a line of progress. */
  readonly log: (line: string) => void;
}

export interface Embedded {
  /** Superuser `postgres` on the database `upwrite`, through the Unix socket. */
  readonly superuserUrl: string;
  /** Upwrite's own role, which owns the database `upwrite`, through the Unix socket. */
  readonly upwriteUrl: string;
  /** What a client connects with: role `app`, password `app`, at the address where Upwrite listens. */
  clientUrl(host: string, port: number): string;
  /** Directory of the server's Unix socket. */
  readonly socketDir: string;
  /** The server's own TCP port on 127.0.0.1. */
  readonly port: number;
  /** The server's process. */
  readonly pid: number;
  /** Resolves when the server has ended, wanted or not. */
  readonly exited: Promise<void>;
  /** Ends all its sessions, stops it, and leaves only the data. May be called more than once. */
  stop(): Promise<void>;
}

/** The client role's password is no secret: the server is reachable from this machine only. */
const clientPassword = 'app';

const settings: Settings = {
  max_connections: 400,
  wal_level: 'logical',
  max_wal_senders: 20,
  max_replication_slots: 20,
  log_line_prefix: '%m [%p] %u@%d ',
};

const hba = [
  'local all all scram-sha-256',
  'host all all 127.0.0.1/32 scram-sha-256',
  'local replication all scram-sha-256',
  'host replication all 127.0.0.1/32 scram-sha-256',
];

/** Crash recovery of a large write-ahead log takes its time. In milliseconds. */
const startTimeout = 120_000;

/** Above this the log of earlier runs is set aside, in bytes. */
const largestLog = 16 * 1024 * 1024;

interface Place {
  readonly directory: string;
  readonly dataDir: string;
  readonly stateFile: string;
  readonly logFile: string;
}

/**
 * Starts the server of that folder; initialises it the first time, and ends one that a killed run has left behind.
 * Throws FolderInUse when another Upwrite runs there, and an Error in plain words for everything else.
 */
export async function startEmbedded({ directory, log }: EmbeddedOptions): Promise<Embedded> {
  const place = preparePlace(directory);
  const lock = lockFolder(place.directory);
  try {
    return await startLocked(place, lock, log);
  } catch (error) {
    lock.release();
    throw error instanceof ServerFailure ? explain(error, place) : error;
  }
}

function preparePlace(given: string): Place {
  const directory = resolve(given);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const { uid } = statSync(directory);
    const self = process.getuid?.();
    if (self !== undefined && self !== 0 && uid !== self) throw new Error(`it belongs to another user (uid ${uid})`);
    chmodSync(directory, 0o700);
  } catch (cause) {
    throw new Error(`cannot keep data in ${directory}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
  return {
    directory,
    dataDir: join(directory, 'postgres'),
    stateFile: join(directory, 'embedded.json'),
    logFile: join(directory, 'postgres.log'),
  };
}

async function startLocked(place: Place, lock: FolderLock, log: (line: string) => void): Promise<Embedded> {
  const account = serverAccount();
  const installation = runnableInstallation(findInstallation(), account);
  const kept = readState(place.stateFile);
  if (await stopLeftover(place.dataDir)) log('Stopped the Postgres that an earlier run had left behind.');
  if (kept?.socketDir !== undefined) removeSocketDir(kept.socketDir);
  setLogAside(place.logFile);

  const isNew = !existsSync(place.dataDir);
  const known = knownState(place, kept, isNew);
  const socketDir = makeSocketDir(account);
  try {
    const state: EmbeddedState = { ...known, socketDir };
    writeState(place.stateFile, state);
    if (isNew) {
      log(`Creating a PostgreSQL ${majorVersion(installation)} database in ${place.dataDir} …`);
      await initialise(place, installation, account, state);
    } else {
      checkData(place, installation, account);
    }
    const { cluster, port } = await startOnFreePort(place, installation, account, state, socketDir);
    try {
      const passwords = { ...state.passwords, app: clientPassword };
      if (!state.ready) await bootstrap({ host: socketDir, port }, passwords);
      writeState(place.stateFile, { ...state, port, ready: true });
    } catch (error) {
      await cluster.stop('fast');
      throw error;
    }
    return handle({ cluster, port, socketDir, state, lock });
  } catch (error) {
    removeSocketDir(socketDir);
    throw error;
  }
}

function knownState(place: Place, kept: EmbeddedState | undefined, isNew: boolean): EmbeddedState {
  if (isNew) return { ...(kept ?? newState()), ready: false };
  if (kept !== undefined) return kept;
  throw new Error(
    `${place.stateFile} is missing, and with it the passwords of the database in ${place.dataDir}: restore it, or remove ${place.directory} to start afresh`,
  );
}

/** Initialised under another name first: a data directory that exists is complete. */
async function initialise(
  place: Place,
  installation: Installation,
  account: Account | undefined,
  state: EmbeddedState,
) {
  const fresh = `${place.dataDir}.new`;
  rmSync(fresh, { recursive: true, force: true });
  const passwordFile = join(state.socketDir ?? place.directory, 'password');
  writeOwned(account, passwordFile, `${state.passwords.postgres}\n`);
  try {
    await initCluster({ installation, account, dataDir: fresh }, passwordFile);
  } finally {
    rmSync(passwordFile, { force: true });
  }
  renameSync(fresh, place.dataDir);
}

/** Data of another major version cannot be opened; data of another account can be handed over by root. */
function checkData(place: Place, installation: Installation, account: Account | undefined): void {
  const found = Number.parseInt(readFileSync(join(place.dataDir, 'PG_VERSION'), 'utf8'), 10);
  const wanted = majorVersion(installation);
  if (found !== wanted) {
    throw new Error(
      `the database in ${place.dataDir} is of PostgreSQL ${found}, and this Upwrite brings PostgreSQL ${wanted}: remove ${place.directory} to start afresh, or give "database" in upwrite.yaml`,
    );
  }
  const { uid } = statSync(place.dataDir);
  const wantedUid = account?.ids.uid ?? process.getuid?.();
  if (wantedUid === undefined || uid === wantedUid) return;
  if (account === undefined) {
    throw new Error(
      `the database in ${place.dataDir} was made by another user (uid ${uid}): start Upwrite as that user, or remove ${place.directory} to start afresh`,
    );
  }
  const result = spawnSync('chown', ['-RhP', `${account.ids.uid}:${account.ids.gid}`, place.dataDir]);
  if (result.status !== 0) throw new Error(`cannot give ${place.dataDir} to the account ${account.name}`);
}

async function startOnFreePort(
  place: Place,
  installation: Installation,
  account: Account | undefined,
  state: EmbeddedState,
  socketDir: string,
): Promise<{ cluster: Cluster; port: number }> {
  const common = {
    installation,
    account,
    dataDir: place.dataDir,
    socketDir,
    settings,
    hba,
    logFile: place.logFile,
    startTimeout,
  };
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort(attempt === 1 ? state.port : undefined);
    try {
      return { cluster: await startCluster({ ...common, port }), port };
    } catch (error) {
      // Somebody may take the port between the look and the start.
      if (attempt === 3 || !(error instanceof ServerFailure && /could not bind|could not create any/.test(error.log)))
        throw error;
    }
  }
}

/** URL, with Upwrite's own role, of the server that runs in that folder now; null where none was ever started there. */
export function embeddedUrl(directory: string): string | null {
  const state = readState(join(resolve(directory), 'embedded.json'));
  if (state?.port === undefined || state.socketDir === undefined || !state.ready) return null;
  return urlOf(state.port, state.socketDir, 'upwrite', state.passwords.upwrite);
}

function urlOf(port: number, socketDir: string, user: string, password: string): string {
  return `postgres://${user}:${encodeURIComponent(password)}@localhost:${port}/${names.database}?host=${encodeURIComponent(socketDir)}`;
}

interface Running {
  readonly cluster: Cluster;
  readonly port: number;
  readonly socketDir: string;
  readonly state: EmbeddedState;
  readonly lock: FolderLock;
}

function handle({ cluster, port, socketDir, state, lock }: Running): Embedded {
  const url = (user: string, password: string) => urlOf(port, socketDir, user, password);
  // For an end of the process that forgets to stop the server; it is asked, and ends by itself.
  const lastResort = () => {
    void cluster.stop('fast');
    lock.release();
  };
  process.once('exit', lastResort);
  let stopping: Promise<void> | undefined;
  const stop = async () => {
    await cluster.stop('fast');
    removeSocketDir(socketDir);
    process.removeListener('exit', lastResort);
    lock.release();
  };
  return {
    superuserUrl: url(names.superuser, state.passwords.postgres),
    upwriteUrl: url(names.upwrite, state.passwords.upwrite),
    clientUrl: (host, at) =>
      `postgres://${names.client}:${clientPassword}@${host.includes(':') ? `[${host}]` : host}:${at}/${names.database}`,
    socketDir,
    port,
    pid: cluster.pid,
    exited: cluster.exited,
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}

/** Removes a socket directory that this code made: the name is checked, since it was read from a file. */
function removeSocketDir(directory: string): void {
  if (basename(directory).startsWith('upwrite-')) rmSync(directory, { recursive: true, force: true });
}

function setLogAside(logFile: string): void {
  const size = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  if (size > largestLog) renameSync(logFile, `${logFile}.old`);
}

function explain(failure: ServerFailure, place: Place): Error {
  const log = failure.log === '' ? '' : `\n${failure.log}\n(the whole log is ${place.logFile})`;
  return new Error(`the embedded Postgres did not start: ${failure.message}${log}`, { cause: failure });
}
