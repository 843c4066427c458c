/** What an embedded server keeps beside its data between runs: its passwords, its port, its socket directory. */
import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

const shape = z.object({
  passwords: z.object({ postgres: z.string(), upwrite: z.string() }),
  port: z.int().min(1).max(65535).optional(),
  socketDir: z.string().optional(),
  /** Roles and database exist. */
  ready: z.boolean(),
});

export type EmbeddedState = Readonly<z.infer<typeof shape>>;

function password(): string {
  return randomBytes(24).toString('base64url');
}

/** The state as kept, or undefined when there is none. Throws when the file is not what it should be. */
export function readState(file: string): EmbeddedState | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return shape.parse(JSON.parse(text));
  } catch {
    // The parser's own message would quote the file, and passwords with it.
    throw new Error(`${file} is damaged: restore it, or remove the folder it is in to start afresh`);
  }
}

export function newState(): EmbeddedState {
  return { passwords: { postgres: password(), upwrite: password() }, ready: false };
}

/** Replaces the file in one step; only its owner can read it. */
export function writeState(file: string, state: EmbeddedState): void {
  const fresh = `${file}.new`;
  rmSync(fresh, { force: true });
  writeFileSync(fresh, `${JSON.stringify(state, undefined, 2)}\n`, { flag: 'wx', mode: 0o600 });
  renameSync(fresh, file);
}
