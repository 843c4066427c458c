/** The webhooks of each connection: what is registered with the API, with which secret, and how it is doing. */
import type { Json, Queryable } from './database.js';

/**
 * `registering`: being set up, or given up half-way; `live`: the API delivers, as far as it says; `failing`: it could not be
 * set up, the reason beside it; `by hand`: the operator has to set it up.
 */
export type HookState = 'registering' | 'live' | 'failing' | 'by hand';

export interface StoredHook {
  readonly connection: string;
  readonly scope: string;
  /** Where the API delivers. */
  readonly url: string;
  readonly state: HookState;
  readonly reason: string | null;
  /** The API's id; null while it is being registered. */
  readonly hook: string | null;
  /** Epoch milliseconds. */
  readonly expiresAt: number | null;
  readonly lastDeliveryAt: number | null;
  readonly deliveries: number;
  /** Encrypted; null where the operator has it. */
  readonly secret: string | null;
  /** What it was registered to listen to. */
  readonly wants: string | null;
  /** The API's ids of former ones, which are to be removed. */
  readonly oldHooks: readonly string[];
}

interface HookRow {
  readonly connection: string;
  readonly scope: string;
  readonly url: string;
  readonly state: HookState;
  readonly reason: string | null;
  readonly hook: string | null;
  readonly expires_at: Date | null;
  readonly last_delivery_at: Date | null;
  readonly deliveries: string;
  readonly secret: string | null;
  readonly wants: string | null;
  readonly old_hooks: readonly string[] | null;
}

/** Those of a connection, or of all. */
export async function listHooks(db: Queryable, connection: string | null): Promise<readonly StoredHook[]> {
  const result = await db.query<HookRow>(
    `SELECT h.connection, h.scope, h.url, h.state, h.reason, h.hook, h.expires_at, h.last_delivery_at, h.deliveries,
       d.secret, d.wants, d.old_hooks
     FROM upwrite.webhooks h LEFT JOIN upwrite.webhook_details d USING (connection, scope)
     WHERE $1::text IS NULL OR h.connection = $1 ORDER BY h.connection, h.scope`,
    [connection],
  );
  return result.rows.map((row) => ({
    connection: row.connection,
    scope: row.scope,
    url: row.url,
    state: row.state,
    reason: row.reason,
    hook: row.hook,
    expiresAt: row.expires_at?.getTime() ?? null,
    lastDeliveryAt: row.last_delivery_at?.getTime() ?? null,
    deliveries: Number(row.deliveries),
    secret: row.secret,
    wants: row.wants,
    oldHooks: row.old_hooks ?? [],
  }));
}

/**
 * Notes that a hook is about to be registered, before the API is asked: its first delivery may come before the API's
 * answer. The cursor begins anew. The one that was there before is noted among the old ones.
 */
export async function beginHook(
  db: Queryable,
  hook: {
    readonly connection: string;
    readonly scope: string;
    readonly url: string;
    readonly secret: string;
    readonly wants: string;
  },
): Promise<void> {
  const { connection, scope, url, secret, wants } = hook;
  await db.query(
    `INSERT INTO upwrite.webhooks (connection, scope, url, state) VALUES ($1, $2, $3, 'registering')
     ON CONFLICT (connection, scope) DO NOTHING`,
    [connection, scope, url],
  );
  await db.query(
    `WITH old AS (SELECT hook FROM upwrite.webhooks WHERE connection = $1 AND scope = $2 AND hook IS NOT NULL),
     h AS (
       UPDATE upwrite.webhooks SET url = $3, state = 'registering', reason = NULL, hook = NULL,
         since = clock_timestamp(), expires_at = NULL, checked_at = NULL
       WHERE connection = $1 AND scope = $2)
     INSERT INTO upwrite.webhook_details AS d (connection, scope, secret, wants, old_hooks)
     VALUES ($1, $2, $4, $5, ARRAY(SELECT hook FROM old))
     ON CONFLICT (connection, scope) DO UPDATE SET secret = $4, wants = $5, cursor = NULL,
       old_hooks = d.old_hooks || ARRAY(SELECT hook FROM old)`,
    [connection, scope, url, secret, wants],
  );
}

/** The old hooks of a scope are gone. */
export async function forgetOldHooks(db: Queryable, connection: string, scope: string): Promise<void> {
  await db.query("UPDATE upwrite.webhook_details SET old_hooks = '{}' WHERE connection = $1 AND scope = $2", [
    connection,
    scope,
  ]);
}

/** The API has registered it, with this secret. */
export async function hookRegistered(
  db: Queryable,
  at: { readonly connection: string; readonly scope: string },
  hook: { readonly id: string; readonly secret: string; readonly expiresAt: number | null },
): Promise<void> {
  await db.query(
    `WITH d AS (UPDATE upwrite.webhook_details SET secret = $4 WHERE connection = $1 AND scope = $2)
     UPDATE upwrite.webhooks SET hook = $3, state = 'live', reason = NULL, since = clock_timestamp(),
       checked_at = clock_timestamp(), expires_at = to_timestamp($5::float8 / 1000)
     WHERE connection = $1 AND scope = $2`,
    [at.connection, at.scope, hook.id, hook.secret, hook.expiresAt],
  );
}

/** What a look at a hook has shown; `since` moves only where the state does. Makes the row where there is none. */
export async function noteHook(
  db: Queryable,
  at: { readonly connection: string; readonly scope: string; readonly url: string },
  found: { readonly state: HookState; readonly reason?: string; readonly expiresAt?: number | null },
): Promise<void> {
  await db.query(
    `INSERT INTO upwrite.webhooks AS h (connection, scope, url, state, reason, checked_at, expires_at)
     VALUES ($1, $2, $3, $4, $5, clock_timestamp(), to_timestamp($6::float8 / 1000))
     ON CONFLICT (connection, scope) DO UPDATE SET url = $3, state = $4, reason = $5, checked_at = clock_timestamp(),
       since = CASE WHEN h.state = $4 THEN h.since ELSE clock_timestamp() END,
       expires_at = coalesce(EXCLUDED.expires_at, h.expires_at)`,
    [at.connection, at.scope, at.url, found.state, found.reason ?? null, found.expiresAt ?? null],
  );
}

export async function forgetHook(db: Queryable, connection: string, scope: string): Promise<void> {
  await db.query('DELETE FROM upwrite.webhooks WHERE connection = $1 AND scope = $2', [connection, scope]);
}

/** Counts deliveries: of a hook, or of the one that was set up by hand. */
export async function countDeliveries(
  db: Queryable,
  counts: readonly { readonly connection: string; readonly hook: string | null; readonly count: number }[],
): Promise<void> {
  await db.query(
    `UPDATE upwrite.webhooks h SET deliveries = h.deliveries + c.count, last_delivery_at = clock_timestamp()
     FROM unnest($1::text[], $2::text[], $3::bigint[]) AS c (connection, hook, count)
     WHERE h.connection = c.connection AND h.hook IS NOT DISTINCT FROM c.hook`,
    [counts.map(({ connection }) => connection), counts.map(({ hook }) => hook), counts.map(({ count }) => count)],
  );
}

/** How far a hook's payloads were read; null before the first, undefined where there is no such hook. */
export async function hookCursor(
  db: Queryable,
  connection: string,
  hook: string,
): Promise<{ readonly scope: string; readonly cursor: string | number | null } | undefined> {
  const result = await db.query<{ scope: string; cursor: string | number | null }>(
    `SELECT h.scope, d.cursor FROM upwrite.webhooks h JOIN upwrite.webhook_details d USING (connection, scope)
     WHERE h.connection = $1 AND h.hook = $2`,
    [connection, hook],
  );
  return result.rows[0];
}

export async function setHookCursor(db: Queryable, connection: string, scope: string, cursor: Json): Promise<void> {
  await db.query('UPDATE upwrite.webhook_details SET cursor = $3 WHERE connection = $1 AND scope = $2', [
    connection,
    scope,
    JSON.stringify(cursor),
  ]);
}

/**
 * Says where the hooks of connections are to be delivered (empty: nowhere): processes with another address leave them
 * alone, until none lives any more that was started later. `anew`: the process is the one that was started last. Answers
 * those connections for which that is now so.
 */
export async function wishHooks(
  db: Queryable,
  process: string,
  addresses: ReadonlyMap<string, string>,
  { anew }: { readonly anew: boolean },
): Promise<readonly string[]> {
  await db.query(
    `INSERT INTO upwrite.webhook_wishes AS w (connection, url, process)
     SELECT connection, url, $3::uuid FROM unnest($1::text[], $2::text[]) AS u (connection, url)
     ON CONFLICT (connection) DO UPDATE SET url = EXCLUDED.url, process = EXCLUDED.process
     WHERE $4 OR NOT EXISTS (
       SELECT FROM upwrite.processes p WHERE p.id = w.process AND p.lease_until > clock_timestamp())`,
    [[...addresses.keys()], [...addresses.values()], process, anew],
  );
  const result = await db.query<{ connection: string; url: string }>(
    'SELECT connection, url FROM upwrite.webhook_wishes WHERE connection = ANY ($1::text[])',
    [[...addresses.keys()]],
  );
  return result.rows.filter(({ connection, url }) => addresses.get(connection) === url).map((row) => row.connection);
}

/** Whether a connection's hooks are to be delivered there (empty: nowhere). */
export async function areHooksWished(db: Queryable, connection: string, url: string): Promise<boolean> {
  const result = await db.query('SELECT FROM upwrite.webhook_wishes WHERE connection = $1 AND url = $2', [
    connection,
    url,
  ]);
  return result.rowCount === 1;
}
