/** The measurements: each takes a target and gives one number. */

import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { RawConnection } from '../protocol/raw/connection.js';
import * as fe from '../protocol/raw/frontend.js';
import { logIn } from '../protocol/raw/login.js';
import { residentBytes } from '../support/child.js';
import { waitFor } from '../support/wait.js';
import { environment, findProgram, runProgram } from './programs.js';
import type { Target } from './targets.js';

export const modes = ['simple', 'extended', 'prepared'] as const;
export type Mode = (typeof modes)[number];

const address = (target: Target): string[] => ['-h', '127.0.0.1', '-p', String(target.port), '-U', 'postgres'];

/** Makes pgbench's tables; about 15 MB for each unit of scale. */
export async function fillTables(target: Target, scale: number): Promise<void> {
  await runProgram('pgbench', ['-i', '-q', '-s', String(scale), ...address(target), 'battery']);
}

/** Transactions a second of pgbench's SELECT-only script, connecting not counted. */
export function selects(target: Target, mode: Mode, clients: number, seconds: number): Promise<number> {
  return pgbench(target, ['-S', '-M', mode, '-c', String(clients), '-T', String(seconds)]);
}

/** Sessions set up, used for one SELECT and ended, a second, by 8 clients. */
export function connects(target: Target, seconds: number): Promise<number> {
  return pgbench(target, ['-S', '-C', '-c', '8', '-T', String(seconds)]);
}

async function pgbench(target: Target, args: readonly string[]): Promise<number> {
  const { text } = await runProgram('pgbench', ['-n', ...args, ...address(target), 'battery'], target.tls);
  const rate = /^tps = ([\d.]+)/m.exec(text)?.[1];
  if (rate === undefined) throw new Error(`pgbench printed no rate: ${text}`);
  return Number(rate);
}

/** Megabytes a second of COPY pgbench_accounts TO STDOUT, to a client that throws them away. `bytes` is its size. */
export async function copyOut(target: Target, bytes: number): Promise<number> {
  const sink = openSync('/dev/null', 'w');
  const began = process.hrtime.bigint();
  const psql = findProgram('psql');
  if (psql === null) throw new Error('psql is not installed');
  const args = ['-X', '-q', ...address(target), '-d', 'battery', '-c', 'copy pgbench_accounts to stdout'];
  const child = spawn(psql, args, { env: environment(target.tls), stdio: ['ignore', sink, 'inherit'] });
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  closeSync(sink);
  if (code !== 0) throw new Error(`psql ended with ${String(code)}`);
  return bytes / 1e6 / (Number(process.hrtime.bigint() - began) / 1e9);
}

/** Size in bytes of what `copyOut` reads. */
export async function copySize(target: Target): Promise<number> {
  const args = ['-X', '-q', ...address(target), '-d', 'battery', '-c', 'copy pgbench_accounts to stdout'];
  return (await runProgram('psql', args, target.tls, false)).bytes;
}

async function loggedIn(target: Target): Promise<RawConnection> {
  const connection = await RawConnection.open({ host: '127.0.0.1', port: target.port });
  if (!(await logIn(connection))) throw new Error(`${target.name} refused a session: ${connection.transcript.at(-2)}`);
  await connection.send(fe.query('select 1'));
  await connection.until('Z');
  return connection;
}

/** Resident kilobytes of the process in the middle for each of `sessions` idle sessions that have run one query. */
export async function idleMemory(target: Target, sessions: number): Promise<number> {
  const pid = target.pid ?? 0;
  const warm = await loggedIn(target);
  // What a process still loads after its start is not of its sessions.
  await settled(pid);
  const before = residentBytes(pid);
  const open: RawConnection[] = [];
  while (open.length < sessions) {
    open.push(...(await Promise.all(Array.from({ length: 20 }, () => loggedIn(target)))));
  }
  await settled(pid);
  const grown = residentBytes(pid) - before;
  for (const connection of [warm, ...open]) connection.vanish('FIN');
  return grown / 1000 / open.length;
}

/** Megabytes that the process in the middle grows by while a reader stalls under a result of 500 MB. */
export async function stalledMemory(target: Target): Promise<number> {
  const pid = target.pid ?? 0;
  const reader = await loggedIn(target);
  const before = residentBytes(pid);
  reader.stall();
  await reader.send(fe.query("select repeat('x', 1000000) from generate_series(1, 500)"));
  await settled(pid);
  const grown = residentBytes(pid) - before;
  reader.vanish('RST');
  return grown / 1e6;
}

/** Resolves when the process's memory has not grown for a second. */
async function settled(pid: number): Promise<void> {
  let highest = 0;
  let since = Date.now();
  await waitFor(
    'the memory to settle',
    () => {
      const now = residentBytes(pid);
      if (now > highest) {
        highest = now;
        since = Date.now();
      }
      return Date.now() - since > 1000;
    },
    60_000,
  );
}
