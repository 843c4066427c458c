/** Programs that the benchmark runs. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import process from 'node:process';

/** Folders beside the PATH: Debian's daemons, and its PostgreSQL by version, newest first. */
function folders(): string[] {
  const versions = '/usr/lib/postgresql';
  const found = existsSync(versions) ? readdirSync(versions).sort((a, b) => Number(b) - Number(a)) : [];
  return [
    ...(process.env['PATH'] ?? '').split(delimiter),
    '/usr/sbin',
    ...found.map((name) => join(versions, name, 'bin')),
  ];
}

/** Full path of an installed program, or null. */
export function findProgram(name: string): string | null {
  return (
    folders()
      .map((folder) => join(folder, name))
      .find((path) => existsSync(path)) ?? null
  );
}

/**
 * The environment of a program: without the caller's own settings of libpq, whose default is to take TLS where it is
 * offered. A peer that offers none would then be compared with one that encrypts.
 */
export function environment(tls: boolean): Readonly<Record<string, string | undefined>> {
  const own = Object.entries(process.env).filter(([key]) => !key.startsWith('PG'));
  return { ...Object.fromEntries(own), LC_ALL: 'C', PGSSLMODE: tls ? 'require' : 'disable' };
}

/**
 * Runs a program to its end and gives what it printed.
 * @param tls whether it talks TLS to the server that it connects to
 * @param keep whether its output is kept; otherwise only counted
 * @throws with its error output when it fails
 */
export async function runProgram(
  name: string,
  args: readonly string[],
  tls = false,
  keep = true,
): Promise<{ text: string; bytes: number }> {
  const file = findProgram(name);
  if (file === null) throw new Error(`${name} is not installed (Debian: apt-get install postgresql-client postgresql)`);
  const child = spawn(file, args, { env: environment(tls), stdio: ['ignore', 'pipe', 'pipe'] });
  const parts: Buffer[] = [];
  let bytes = 0;
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (keep) parts.push(chunk);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-4000);
  });
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`${name} ${args.join(' ')} ended with ${String(code)}: ${errors}`);
  return { text: Buffer.concat(parts).toString(), bytes };
}
