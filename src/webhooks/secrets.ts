/** The signing secrets of registered hooks, opened once and kept in memory. */
import type pg from 'pg';
import type { HookSecret, KitLog } from '../provider/index.js';
import { listHooks } from '../store/index.js';

/** Seals secrets for the database. */
export interface Sealer {
  seal(plain: string, purpose: string): string;
  /** Throws an Error where it cannot. */
  open(sealed: string, purpose: string): string;
}

/** What a hook's secret is sealed for. */
export function purposeOf(connection: string, scope: string): string {
  return `webhook ${connection}/${scope}`;
}

/** Milliseconds between two looks at the database for the secrets of a connection. */
const shortest = 1000;

export interface SecretsOptions {
  readonly pool: pg.Pool;
  /** Null: no key is configured, and nothing was ever sealed. */
  readonly sealer: Sealer | null;
  readonly log: KitLog;
}

interface Known {
  readonly at: number;
  readonly secrets: Promise<readonly HookSecret[]>;
}

export class HookSecrets {
  private readonly options: SecretsOptions;
  private readonly known = new Map<string, Known>();

  constructor(options: SecretsOptions) {
    this.options = options;
  }

  /** As last read, or read now for the first time. */
  of(connection: string): Promise<readonly HookSecret[]> {
    return this.known.get(connection)?.secrets ?? this.load(connection);
  }

  /** Reads them anew, unless that was done a moment ago: another process may have registered a hook. */
  again(connection: string): Promise<readonly HookSecret[]> {
    const known = this.known.get(connection);
    return known !== undefined && Date.now() - known.at < shortest ? known.secrets : this.load(connection);
  }

  /** They are read with the next delivery. */
  forget(connection: string): void {
    this.known.delete(connection);
  }

  private load(connection: string): Promise<readonly HookSecret[]> {
    const secrets = this.read(connection);
    this.known.set(connection, { at: Date.now(), secrets });
    secrets.catch(() => this.known.delete(connection));
    return secrets;
  }

  private async read(connection: string): Promise<readonly HookSecret[]> {
    const { pool, sealer, log } = this.options;
    if (sealer === null) return [];
    const hooks = await listHooks(pool, connection);
    return hooks.flatMap(({ scope, hook, secret }) => {
      if (secret === null) return [];
      try {
        return [{ hook: hook ?? '', secret: sealer.open(secret, purposeOf(connection, scope)) }];
      } catch {
        log.warn({ connection, scope }, 'the secret of a webhook cannot be opened with the key of this process');
        return [];
      }
    });
  }
}
