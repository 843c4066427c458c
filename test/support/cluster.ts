/**
 * A throwaway PostgreSQL for the battery, the drivers and the benchmark: with TLS, room for 500 sessions, logical
 * replication, and a role for each way to log in.
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import pg from 'pg';
import { generate } from 'selfsigned';
import { serverAccount, writeOwned } from '../../src/cli/embedded/index.js';
import { startTestPostgres, type TestPostgres } from './postgres.js';

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
  /** For whoever serves TLS in front of the cluster; the server has the same certificate. */
  readonly tls: Certificate;
  /** Connects as the superuser by the Unix socket. The caller ends it. */
  connect(database?: string): Promise<pg.Client>;
  /** SIGKILL to the postmaster, as the out-of-memory killer does it. */
  kill(): void;
  /** Starts a cluster that was killed. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const hba = [
  'local all postgres trust',
  'host all battery_clear all password',
  'host all battery_md5 all md5',
  'host all,replication battery_scram,battery_unicode all scram-sha-256',
  'host all battery_reject all reject',
  'host all,replication all 127.0.0.1/32 trust',
];

const setUp = [
  'create role battery_trust login',
  "set password_encryption = 'scram-sha-256'",
  "create role battery_clear login password 'pw-clear'",
  "create role battery_scram login replication password 'pw-scram'",
  "create role battery_unicode login password 'IX-\u2168'",
  "create role battery_reject login password 'pw'",
  'create role battery_limit login connection limit 0',
  'create role battery_nologin',
  "set password_encryption = 'md5'",
  "create role battery_md5 login password 'pw-md5'",
  "create database battery template template0 encoding 'UTF8' lc_collate 'C' lc_ctype 'C'",
  "create database battery_decoded template template0 encoding 'UTF8' lc_collate 'C' lc_ctype 'C'",
  'create database battery_closed allow_connections false',
];

/**
 * Makes and starts a cluster.
 * @param settings server parameters on top of those that the tests need
 */
export async function startCluster(settings: Readonly<Record<string, string | number>> = {}): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'upwrite-tls-'));
  chmodSync(folder, 0o755);
  const { tls, serverCert, serverKey } = await certificates(folder);
  const server = await startTestPostgres({
    hba,
    settings: {
      max_connections: 640,
      shared_buffers: '128MB',
      max_wal_size: '4GB',
      synchronous_commit: false,
      ssl: true,
      ssl_cert_file: serverCert,
      ssl_key_file: serverKey,
      timezone: 'UTC',
      client_connection_check_interval: '200ms',
      ...settings,
    },
  });
  const connect = (database = 'battery'): Promise<pg.Client> => connectTo(server, database);
  const admin = await connect('postgres');
  for (const statement of setUp) await admin.query(statement);
  await admin.end();
  return {
    host: server.host,
    port: server.port,
    socketDirectory: server.socketDir,
    tls,
    connect,
    kill: () => void process.kill(server.pid(), 'SIGKILL'),
    restart: () => server.start(),
    stop: async () => {
      await server.destroy();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function connectTo(server: TestPostgres, database: string): Promise<pg.Client> {
  const client = new pg.Client({ host: server.socketDir, port: server.port, user: 'postgres', database });
  // A session that the database ends while it is idle is not a failure of the test.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function certificates(folder: string): Promise<{ tls: Certificate; serverCert: string; serverKey: string }> {
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
  const file = (name: string): string => join(folder, name);
  writeFileSync(file('proxy.crt'), made.cert);
  writeFileSync(file('proxy.key'), made.private, { mode: 0o600 });
  writeOwned(serverAccount(), file('server.crt'), made.cert);
  writeOwned(serverAccount(), file('server.key'), made.private);
  return {
    tls: { cert: file('proxy.crt'), key: file('proxy.key'), ca: made.cert },
    serverCert: file('server.crt'),
    serverKey: file('server.key'),
  };
}
