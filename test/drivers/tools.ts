/** Programs of other languages that tests run when the machine has them. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. Locale and time zone are fixed; PG* variables of the machine are kept out. */
export function run(
  file: string,
  args: readonly string[],
  options: { readonly input?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env: environment(options.env), stdio: ['pipe', 'pipe', 'pipe'] });
    const out: Buffer[] = [];
    const errors: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
    child.once('error', reject);
    child.once('close', (code) =>
      resolve({ code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(errors).toString() }),
    );
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}

/** The environment of a program under test. */
export function environment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('PG'));
  return { ...Object.fromEntries(own), LC_ALL: 'C.UTF-8', TZ: 'UTC', PGCONNECT_TIMEOUT: '20', ...more };
}

/** Whether a program runs here at all. */
export function works(file: string, ...args: string[]): boolean {
  return spawnSync(file, args, { stdio: 'ignore' }).status === 0;
}

/** Path of a program's source beside these tests. */
export function program(name: string): string {
  return fileURLToPath(new URL(`./programs/${name}`, import.meta.url));
}

/** A Python that has `module`, or null. */
export function pythonWith(module: string): string | null {
  return ['python3', '/usr/bin/python3'].find((python) => works(python, '-c', `import ${module}`)) ?? null;
}

/** The JDBC driver: UPWRITE_TEST_JDBC, or where Debian's libpostgresql-jdbc-java puts it; null without it or Java. */
export function jdbcDriver(): string | null {
  const jar = process.env['UPWRITE_TEST_JDBC'] ?? join('/usr/share/java', 'postgresql.jar');
  return existsSync(jar) && works('java', '-version') ? jar : null;
}
