/**
 * A throwaway PostgreSQL cluster of a test: its own folder, port, certificate, and a role for each way to log in.
 * Loopback only. Durability is off, since nothing outlives the test.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import pg from 'pg';
import { generate } from 'selfsigned';
import { postgresBinaries, serverIdentity } from './binaries.js';
import { freePort } from './ports.js';
import { within } from './wait.js';

/** Roles of every cluster beside the superuser `postgres`, which is trusted: one for each authentication method. */
export const roles = {
  trust: { user: 'battery_trust', password: '' },
  clear: { user: 'battery_clear', password: 'pw-clear' },
  md5: { user: 'battery_md5', password: 'pw-md5' },
  scram: { user: 'battery_scram', password: 'pw-scram' },
  /** SASLprep turns U+2168 into "IX". */
  unicode: { user: 'battery_unicode', password: 'IX-\u2168' },
  reject: { user: 'battery_reject', password: 'pw' },
} as const;

export interface Certificate {
  /** File names. */
  readonly cert: string;
  readonly key: string;
  /** The certificate itself, PEM: a client's root of trust. It names localhost and 127.0.0.1. */
  readonly ca: string;
}

export interface Cluster {
  readonly host: string;
  readonly port: number;
  /** Folder of the Unix socket. */
  readonly socketDirectory: string;
  readonly tls: Certificate;
  /** Connects as the superuser by the Unix socket. The caller ends it. */
  connect(database?: string): Promise<pg.Client>;
  /** SIGKILL to the postmaster, as the out-of-memory killer does it. */
  kill(): Promise<void>;
  /** Starts a cluster that was killed. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface ClusterOptions {
  /** Lines of postgresql.conf beside the default ones. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Port instead of a free one. */
  readonly port?: number;
}

const defaults: Readonly<Record<string, string>> = {
  listen_addresses: "'127.0.0.1'",
  max_connections: '640',
  shared_buffers: '128MB',
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  max_wal_size: '4GB',
  wal_level: 'logical',
  max_wal_senders: '10',
  max_replication_slots: '10',
  max_prepared_transactions: '20',
  ssl: 'on',
  ssl_cert_file: "'server.crt'",
  ssl_key_file: "'server.key'",
  timezone: "'UTC'",
  client_connection_check_interval: '200ms',
};

const hba = `local all all trust
host all battery_clear all password
host all battery_md5 all md5
host all,replication battery_scram,battery_unicode all scram-sha-256
host all battery_reject all reject
host all,replication all 127.0.0.1/32 trust
host all all ::1/128 trust
`;

const setUp = `
create role battery_trust login;
set password_encryption = 'scram-sha-256';
create role battery_clear login password 'pw-clear';
create role battery_scram login replication password 'pw-scram';
create role battery_unicode login password 'IX-\u2168';
create role battery_reject login password 'pw';
create role battery_limit login connection limit 0;
create role battery_nologin;
set password_encryption = 'md5';
create role battery_md5 login password 'pw-md5';
create database battery template template0 encoding 'UTF8' lc_collate 'C' lc_ctype 'C';
create database battery_closed allow_connections false;
`;

/** Makes and starts a cluster; ready for connections when the promise resolves. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), 'upwrite-pg-'));
  await chmod(folder, 0o755);
  const bin = await postgresBinaries(folder);
  const data = join(folder, 'data');
  const port = options.port ?? (await freePort());
  const owned = await ownedFolders(data, join(folder, 'run'));
  await run(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '--no-locale', '--encoding=UTF8', '-A', 'trust', '-N']);
  const tls = await certificate(folder, data);
  await configure(data, owned, { ...defaults, port: String(port), ...options.settings });

  let server = await launch(join(bin, 'postgres'), data);
  const guard = (): void => void server.kill('SIGQUIT');
  process.on('exit', guard);
  const connect = async (database = 'battery'): Promise<pg.Client> => {
    const client = new pg.Client({ host: owned, port, user: 'postgres', database });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  const admin = await connect('postgres');
  for (const statement of setUp.split(';\n')) await admin.query(statement);
  await admin.end();

  return {
    host: '127.0.0.1',
    port,
    socketDirectory: owned,
    tls,
    connect,
    kill: () => ended(server, 'SIGKILL'),
    restart: async () => {
      await ended(server, 'SIGKILL');
      await rm(join(data, 'postmaster.pid'), { force: true });
      server = await launch(join(bin, 'postgres'), data);
    },
    stop: async () => {
      process.off('exit', guard);
      await ended(server, 'SIGQUIT');
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function ownedFolders(data: string, sockets: string): Promise<string> {
  const { uid, gid } = serverIdentity();
  for (const folder of [data, sockets]) {
    await mkdir(folder, { mode: 0o700 });
    if (uid !== undefined && gid !== undefined) await chown(folder, uid, gid);
  }
  await chmod(sockets, 0o755);
  return sockets;
}

async function configure(data: string, sockets: string, settings: Readonly<Record<string, string>>): Promise<void> {
  const lines = Object.entries({ ...settings, unix_socket_directories: `'${sockets}'` });
  await writeFile(join(data, 'postgresql.conf'), lines.map(([key, value]) => `${key} = ${value}\n`).join(''));
  await writeFile(join(data, 'pg_hba.conf'), hba);
}

async function certificate(folder: string, data: string): Promise<Certificate> {
  const made = await generate([{ name: 'commonName', value: 'localhost' }], {
    keySize: 2048,
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  });
  const { uid, gid } = serverIdentity();
  const own = { cert: join(folder, 'proxy.crt'), key: join(folder, 'proxy.key') };
  await writeFile(own.cert, made.cert);
  await writeFile(own.key, made.private, { mode: 0o600 });
  for (const [name, text] of [
    ['server.crt', made.cert],
    ['server.key', made.private],
  ] as const) {
    await writeFile(join(data, name), text, { mode: 0o600 });
    if (uid !== undefined && gid !== undefined) await chown(join(data, name), uid, gid);
  }
  return { ...own, ca: made.cert };
}

async function launch(postgres: string, data: string): Promise<ChildProcess> {
  const child = spawn(postgres, ['-D', data], {
    ...serverIdentity(),
    cwd: '/',
    env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', TZ: 'UTC' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  await within(
    60_000,
    () => `the test's PostgreSQL to start: ${log}`,
    new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`PostgreSQL ended with ${code}: ${log}`)));
      child.stderr?.on('data', (chunk: Buffer) => {
        log = (log + chunk.toString('latin1')).slice(-4000);
        if (log.includes('database system is ready to accept connections')) resolve();
      });
    }),
  );
  return child;
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await within(30_000, () => 'PostgreSQL to end', exit);
}

async function run(file: string, args: readonly string[]): Promise<void> {
  const child = spawn(file, args, { ...serverIdentity(), cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  if (code !== 0) throw new Error(`${file} failed: ${errors}`);
}
