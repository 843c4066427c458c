/** The signing secrets of registered hooks, opened once and kept in memory. */
import type { HookSecret, KitLog } from '../provider/index.js';
import { listHooks, type Queryable } from '../store/index.js';

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
const shortest = 250;
/** Deliveries that wait for the next look, of one connection: whoever forges them must not take the places of others. */
const mostWaiting = 8;

export interface SecretsOptions {
  readonly pool: Queryable;
  /** Null: no key is configured, and nothing was ever sealed. */
  readonly sealer: Sealer | null;
  readonly log: KitLog;
}

interface Known {
  readonly at: number;
  readonly secrets: Promise<readonly HookSecret[]>;
  /** The next look, once somebody wants one, and how many wait for it. */
  next?: Promise<readonly HookSecret[]>;
  waiting: number;
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

  /**
   * Reads them anew, since some process may have registered a hook; waits for that where they were read a moment ago. Where
   * too many wait already, they are answered as they were read.
   */
  again(connection: string): Promise<readonly HookSecret[]> {
    const known = this.known.get(connection);
    const wait = known === undefined ? 0 : known.at + shortest - Date.now();
    if (known === undefined || wait <= 0) return this.load(connection);
    if (known.waiting >= mostWaiting) return known.secrets;
    known.waiting += 1;
    known.next ??= new Promise((resolve) => setTimeout(resolve, wait)).then(() => this.load(connection));
    return known.next;
  }

  private load(connection: string): Promise<readonly HookSecret[]> {
    const secrets = this.read(connection);
    this.known.set(connection, { at: Date.now(), secrets, waiting: 0 });
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
