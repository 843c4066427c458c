/**
 * The proxy that a test puts in front of a cluster, as a process of its own. UPWRITE_TEST_PROXY chooses it:
 * - `upwrite` (the default): the built command line, `dist/src/main.js start`, with a configuration of its own;
 * - `room`: the proxy room alone (proxy-process.ts), which intercepts nothing;
 * - `pipe`: a bare TCP pipe, which shows that a case is fair before the proxy is blamed;
 * - anything else: a command with {port}, {dbhost}, {dbport}, {socket}, {cert} and {key} in it.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { type Child, startChild } from './child.js';
import type { Cluster } from './cluster.js';
import { freePort } from './ports.js';

export interface UnderTest {
  /** `upwrite` also for the proxy room alone: both answer alike. */
  readonly kind: 'upwrite' | 'pipe' | 'command';
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  output(): string;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface UnderTestOptions {
  /** Lines to add to the configuration (YAML) of `upwrite`. */
  readonly config?: string;
  /** Overrides the choice of the environment. */
  readonly kind?: string;
  /** `upwrite` only: which connections are read past Node. */
  readonly directIo?: 'auto' | 'always' | 'off';
  /** `upwrite` and `room` only: reach the database by its Unix socket. */
  readonly unixSocket?: boolean;
}

/** The proxy that the environment chooses. */
export function chosenProxy(): string {
  return process.env['UPWRITE_TEST_PROXY'] ?? 'upwrite';
}

/** Starts the chosen proxy in front of `cluster`. */
export async function startUnderTest(cluster: Cluster, options: UnderTestOptions = {}): Promise<UnderTest> {
  const choice = options.kind ?? chosenProxy();
  if (choice === 'pipe') {
    const port = await freePort();
    const args = [built('test/bench/pipe.js'), String(port), cluster.host, String(cluster.port)];
    return named('pipe', port, await startChild(process.execPath, args, { port }));
  }
  if (choice === 'room') return startRoom(cluster, options);
  return choice === 'upwrite' ? startUpwrite(cluster, options) : startCommand(cluster, choice);
}

async function startRoom(cluster: Cluster, options: UnderTestOptions): Promise<UnderTest> {
  const port = await freePort();
  const { cert, key } = cluster.tls;
  const dbhost = options.unixSocket === true ? cluster.socketDirectory : cluster.host;
  const args = [built('test/support/proxy-process.js'), String(port), dbhost, String(cluster.port), cert, key];
  return named('upwrite', port, await startChild(process.execPath, args, { port }));
}

async function startUpwrite(cluster: Cluster, options: UnderTestOptions): Promise<UnderTest> {
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), 'upwrite-config-'));
  const file = join(folder, 'upwrite.yaml');
  const database =
    options.unixSocket === true
      ? `postgres://postgres@/battery?host=${encodeURIComponent(cluster.socketDirectory)}&port=${cluster.port}`
      : `postgres://postgres@${cluster.host}:${cluster.port}/battery?sslmode=disable`;
  const tls = `tls:\n  cert: ${cluster.tls.cert}\n  key: ${cluster.tls.key}\n`;
  const listen = `listen: { host: 127.0.0.1, port: ${port}, directIo: ${options.directIo ?? 'auto'} }\n`;
  await writeFile(file, `${listen}database: ${database}\n${tls}${options.config ?? ''}`);
  // As the installed command starts it: the flag is in its first line.
  const args = ['--max-semi-space-size=2', built('src/main.js'), 'start', '--config', file];
  const proxy = named('upwrite', port, await startChild(process.execPath, args, { port }));
  return {
    ...proxy,
    stop: async (signal) => {
      await proxy.stop(signal);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function startCommand(cluster: Cluster, command: string): Promise<UnderTest> {
  const port = await freePort();
  const values: Readonly<Record<string, string>> = {
    port: String(port),
    dbhost: cluster.host,
    dbport: String(cluster.port),
    socket: cluster.socketDirectory,
    cert: cluster.tls.cert,
    key: cluster.tls.key,
  };
  const filled = command.replace(/\{(\w+)\}/g, (whole, key: string) => values[key] ?? whole);
  const [file = '', ...args] = filled.split(' ');
  return named('command', port, await startChild(file, args, { port }));
}

function named(kind: UnderTest['kind'], port: number, child: Child): UnderTest {
  return { kind, host: '127.0.0.1', port, pid: child.pid, output: child.output, stop: child.stop };
}

/** Path of a compiled file of this package. */
export function built(path: string): string {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  for (const at of [join(root, 'dist', path), join(root, '..', 'dist', path)]) if (existsSync(at)) return at;
  throw new Error(`dist/${path} is missing: run "npm run build"`);
}
