/** Keeps the one hook of a scope: looks at it, renews it, or registers it anew. */
import { randomBytes } from 'node:crypto';
import type { RegisteredHook } from '../provider/index.js';
import { beginHook, forgetOldHooks, hookRegistered, noteHook, type StoredHook } from '../store/index.js';
import type { Keeping } from './keeping.js';
import { reasonOf } from './reason.js';
import { purposeOf } from './secrets.js';

/** A hook is renewed when it has less than this left, in milliseconds: half of the shortest life that an API gives. */
const renewBefore = 84 * 3_600_000;

/** Whether the hook is well now. */
export async function keepScope(
  keeping: Keeping,
  scope: string,
  before: StoredHook | undefined,
  objects: readonly string[],
): Promise<boolean> {
  const { options, connection, url, signal } = keeping;
  try {
    const wants = keeping.registrar.wants(objects);
    const there = await keeping.registrar.list(scope, url, signal);
    const mine = isUsable(keeping, before, wants)
      ? there.find(({ id, alive }) => alive && id === before?.hook)
      : undefined;
    if (mine === undefined) await register(keeping, scope, before, there, objects, wants);
    else await look(keeping, scope, mine, before, there);
    return true;
  } catch (error) {
    signal.throwIfAborted();
    const at = { connection, scope, url };
    await noteHook(options.pool, at, { state: 'failing', reason: reasonOf(error) });
    options.log.warn({ connection, scope, error }, 'a webhook could not be registered');
    return false;
  }
}

/** Whether the stored hook is the wanted one, and its secret can be read here. */
function isUsable({ sealer, connection, url }: Keeping, stored: StoredHook | undefined, wants: string): boolean {
  if (stored === undefined || stored.secret === null || stored.hook === null) return false;
  if (stored.url !== url || stored.wants !== wants) return false;
  try {
    sealer.open(stored.secret, purposeOf(connection, stored.scope));
    return true;
  } catch {
    return false;
  }
}

/** The old hooks go when the new one is there: what is delivered twice meanwhile does no harm. */
async function register(
  keeping: Keeping,
  scope: string,
  before: StoredHook | undefined,
  there: readonly RegisteredHook[],
  objects: readonly string[],
  wants: string,
): Promise<void> {
  const { options, connection, registrar, sealer, url, signal } = keeping;
  const purpose = purposeOf(connection, scope);
  const secret = randomBytes(32).toString('hex');
  await beginHook(options.pool, { connection, scope, url, secret: sealer.seal(secret, purpose), wants });
  const made = await registrar.create(scope, { url, objects, secret }, signal);
  const { id, expiresAt } = made;
  await hookRegistered(
    options.pool,
    { connection, scope },
    { id, expiresAt, secret: sealer.seal(made.secret, purpose) },
  );
  options.log.info({ connection, scope, hook: id }, 'a webhook was registered');
  await options.onNew(connection);
  await removeOld(keeping, scope, id, [...there.map((hook) => hook.id), ...formerOf(before)]);
}

function formerOf(stored: StoredHook | undefined): readonly string[] {
  if (stored === undefined) return [];
  return stored.hook === null ? stored.oldHooks : [stored.hook, ...stored.oldHooks];
}

async function removeOld(
  { options, connection, registrar, signal }: Keeping,
  scope: string,
  mine: string,
  ids: readonly string[],
): Promise<void> {
  for (const id of new Set(ids)) if (id !== mine) await registrar.remove(scope, id, signal);
  await forgetOldHooks(options.pool, connection, scope);
}

async function look(
  keeping: Keeping,
  scope: string,
  mine: RegisteredHook,
  before: StoredHook | undefined,
  there: readonly RegisteredHook[],
): Promise<void> {
  const { options, connection, registrar, url, signal } = keeping;
  const isEnding = mine.expiresAt !== null && mine.expiresAt - Date.now() < renewBefore;
  const expiresAt =
    isEnding && registrar.renew !== undefined ? await registrar.renew(scope, mine.id, signal) : mine.expiresAt;
  const others = [...there.map(({ id }) => id), ...formerOf(before)].filter((id) => id !== mine.id);
  if (others.length > 0) await removeOld(keeping, scope, mine.id, others);
  await noteHook(options.pool, { connection, scope, url }, { state: 'live', expiresAt });
  if (registrar.payloads !== undefined) await options.onPings({ connection, hook: mine.id });
}
