/** What is measured: the database itself, Upwrite, and its peers, each as a process of its own in front of one cluster. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { giveTo, serverAccount } from '../../src/cli/embedded/index.js';
import { startChild } from '../support/child.js';
import type { Cluster } from '../support/cluster.js';
import { freePort } from '../support/ports.js';
import { startUnderTest } from '../support/under-test.js';
import { findProgram } from './programs.js';

/** Something that pgbench can be pointed at. */
export interface Target {
  readonly name: string;
  readonly port: number;
  /** Whether clients talk TLS to it. */
  readonly tls: boolean;
  /** The process in the middle; null for the database itself. */
  readonly pid: number | null;
  stop(): Promise<void>;
}

export interface TargetKind {
  readonly name: string;
  /** One line for the report. */
  readonly about: string;
  /** Whether it reaches the database by its Unix socket; the others use TCP. */
  readonly socket: boolean;
  /** Whether it can run on this machine. */
  available(): boolean;
  start(cluster: Cluster, tls: boolean): Promise<Target>;
}

const always = (): boolean => true;

const upwrite = (name: string, kind: string, socket: boolean, about: string): TargetKind => ({
  name,
  about,
  socket,
  available: always,
  start: async (cluster, tls) => {
    const proxy = await startUnderTest(cluster, { kind, unixSocket: socket });
    return { name, port: proxy.port, tls, pid: proxy.pid, stop: () => proxy.stop() };
  },
});

const pgbouncer = (name: string, socket: boolean): TargetKind => ({
  name,
  about: `pgbouncer in session mode${socket ? ', Unix socket to the database' : ''}`,
  socket,
  available: () => findProgram('pgbouncer') !== null,
  start: async (cluster, tls) => {
    const port = await freePort();
    const account = serverAccount();
    const folder = configuration({
      'pgbouncer.ini': [
        '[databases]',
        `battery = host=${socket ? cluster.socketDirectory : cluster.host} port=${cluster.port} dbname=battery`,
        '[pgbouncer]',
        'listen_addr = 127.0.0.1',
        `listen_port = ${port}`,
        'unix_socket_dir =',
        'auth_type = trust',
        'auth_file = userlist.txt',
        'pool_mode = session',
        'max_client_conn = 2000',
        'default_pool_size = 600',
        'ignore_startup_parameters = extra_float_digits',
        ...(tls
          ? ['client_tls_sslmode = require', 'client_tls_cert_file = tls.crt', 'client_tls_key_file = tls.key']
          : []),
        'log_connections = 0',
        'log_disconnections = 0',
        'log_pooler_errors = 1',
      ],
      'userlist.txt': ['"postgres" ""'],
      ...(tls ? certificateFiles(cluster) : {}),
    });
    const file = findProgram('pgbouncer') ?? 'pgbouncer';
    const child = await startChild(file, ['-q', join(folder, 'pgbouncer.ini')], { port, cwd: folder, ...account?.ids });
    return { name, port, tls, pid: child.pid, stop: () => ended(child.stop('SIGINT'), folder) };
  },
});

const haproxy: TargetKind = {
  name: 'haproxy',
  about: 'haproxy in TCP mode, one thread',
  socket: false,
  available: () => findProgram('haproxy') !== null,
  start: async (cluster, tls) => {
    const port = await freePort();
    const folder = configuration({
      'haproxy.cfg': [
        'global',
        '  maxconn 4000',
        '  nbthread 1',
        'defaults',
        '  mode tcp',
        '  timeout connect 10s',
        '  timeout client 1h',
        '  timeout server 1h',
        'frontend postgres',
        `  bind 127.0.0.1:${port}`,
        '  default_backend database',
        'backend database',
        `  server one ${cluster.host}:${cluster.port}`,
      ],
    });
    const file = findProgram('haproxy') ?? 'haproxy';
    const child = await startChild(file, ['-db', '-q', '-f', join(folder, 'haproxy.cfg')], { port });
    return { name: 'haproxy', port, tls, pid: child.pid, stop: () => ended(child.stop(), folder) };
  },
};

/** All of them, in the order of the report. `proxy` is the kind of under-test.ts that stands for Upwrite. */
export function targetKinds(proxy: string): readonly TargetKind[] {
  return [
    {
      name: 'direct',
      about: 'the database itself',
      socket: false,
      available: always,
      start: async (cluster, tls) => ({
        name: 'direct',
        port: cluster.port,
        tls,
        pid: null,
        stop: async () => undefined,
      }),
    },
    upwrite('upwrite', proxy, false, 'Upwrite'),
    pgbouncer('pgbouncer', false),
    haproxy,
    upwrite('pipe', 'pipe', false, 'a bare TCP pipe in Node'),
    upwrite('upwrite-socket', proxy, true, 'Upwrite, Unix socket to the database'),
    pgbouncer('pgbouncer-socket', true),
  ];
}

/** Starts each of `kinds`; stops those already started when one fails. */
export async function startTargets(kinds: readonly TargetKind[], cluster: Cluster, tls: boolean): Promise<Target[]> {
  const started: Target[] = [];
  try {
    for (const kind of kinds) started.push(await kind.start(cluster, tls));
    return started;
  } catch (error) {
    await Promise.all(started.map((target) => target.stop()));
    throw error;
  }
}

/** The cluster's own certificate and key, for a server that runs under another account. */
function certificateFiles({ tls }: Cluster): Readonly<Record<string, readonly string[]>> {
  return { 'tls.crt': [readFileSync(tls.cert, 'utf8')], 'tls.key': [readFileSync(tls.key, 'utf8')] };
}

function configuration(files: Readonly<Record<string, readonly string[]>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'upwrite-bench-'));
  chmodSync(folder, 0o755);
  giveTo(serverAccount(), folder);
  for (const [name, lines] of Object.entries(files)) writeFileSync(join(folder, name), `${lines.join('\n')}\n`);
  return folder;
}

async function ended(stopping: Promise<void>, folder: string): Promise<void> {
  await stopping;
  rmSync(folder, { recursive: true, force: true });
}
