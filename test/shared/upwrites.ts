/** Upwrite processes as an operator starts them, several on one database. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import pg from 'pg';
import { startChild } from '../support/child.js';
import { freePort } from '../support/ports.js';
import type { TestPostgres } from '../support/postgres.js';
import { built } from '../support/under-test.js';

export interface UpwriteProcess {
  /** A client of it, with a role that may do anything; ended with the process. */
  readonly client: pg.Client;
  output(): string;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface UpwriteOptions {
  readonly server: TestPostgres;
  /** Keys of the configuration besides `listen` and `database`. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly environment?: Readonly<Record<string, string>>;
}

/** `upwrite start` with a configuration of its own. */
export async function startUpwrite({ server, settings, environment = {} }: UpwriteOptions): Promise<UpwriteProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'upwrite-shared-'));
  const file = join(folder, 'upwrite.yaml');
  const port = await freePort();
  writeFileSync(file, JSON.stringify({ listen: `127.0.0.1:${port}`, database: server.upwriteUrl, ...settings }));
  try {
    const args = [built('src/main.js'), 'start', '--config', file];
    const child = await startChild(process.execPath, args, { port, env: environment });
    const url = new URL(server.superuserUrl);
    url.port = String(port);
    const client = new pg.Client(url.href);
    client.on('error', () => undefined);
    await client.connect();
    return {
      client,
      output: child.output,
      stop: async (signal) => {
        await client.end().catch(() => undefined);
        await child.stop(signal);
      },
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
