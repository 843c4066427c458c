/**
 * Keeps the hooks of each connection registered: one in each scope, at the address that is configured, alive, and renewed
 * before it ends; and takes back those that are not wanted any more. One process at a time does so for a connection, so
 * that none is registered twice; what a crash has left half-way is found by its address and replaced.
 */
import type { HookRegistrar } from '../provider/index.js';
import { areHooksWished, forgetHook, listHooks, noteHook, runAlone, type StoredHook } from '../store/index.js';
import type { KeeperOptions, Keeping, KeptConnection } from './keeping.js';
import { reasonOf } from './reason.js';
import { hookUrl } from './receiver.js';
import { keepScope } from './scope.js';

/** Milliseconds for all the calls of one connection. */
const patience = 300_000;

/** Hooks of connections that are not configured any more cannot be taken back: there are no credentials for it. */
export async function forgetStrangers(
  { pool, log }: Pick<KeeperOptions, 'pool' | 'log'>,
  connections: ReadonlySet<string>,
): Promise<void> {
  for (const { connection, scope, hook, url } of await listHooks(pool, null)) {
    if (connections.has(connection)) continue;
    await forgetHook(pool, connection, scope);
    if (hook !== null) log.warn({ connection, scope, hook, url }, 'a webhook is left behind: remove it in the API');
  }
}

/**
 * How a look at a connection's hooks ended; `busy`: another process is at them; `not wished`: one of another configuration
 * was started later, and they are its concern.
 */
export type Kept = 'well' | 'failing' | 'busy' | 'not wished';

/** Brings the hooks of a connection in order. Never throws. */
export async function keepHooks(options: KeeperOptions, connection: KeptConnection, stop: AbortSignal): Promise<Kept> {
  const { pool, log } = options;
  const signal = AbortSignal.any([stop, AbortSignal.timeout(patience)]);
  try {
    const ran = await runAlone(pool, `webhooks ${connection.name}`, () => keepAlone(options, connection, signal));
    if (ran === null) return 'busy';
    return ran.done;
  } catch (error) {
    if (!stop.aborted)
      log.warn({ connection: connection.name, error }, 'the webhooks of a connection were not looked at');
    return 'failing';
  }
}

async function keepAlone(options: KeeperOptions, connection: KeptConnection, signal: AbortSignal): Promise<Kept> {
  const { name, wanted } = connection;
  const address = wanted ? options.url : null;
  if (!(await areHooksWished(options.pool, name, address ?? ''))) return 'not wished';
  const url = address === null ? null : hookUrl(address, name);
  return (await keepAt(options, connection, url, signal)) ? 'well' : 'failing';
}

/** Answers whether all is well. */
async function keepAt(
  options: KeeperOptions,
  { name, webhooks }: KeptConnection,
  url: string | null,
  signal: AbortSignal,
): Promise<boolean> {
  const { pool, sealer, log } = options;
  const stored = await listHooks(pool, name);
  const { registrar } = webhooks;
  if (url === null)
    return registrar === undefined ? forgetAll(options, stored) : removeAll(options, registrar, stored, signal);
  if (registrar === undefined || webhooks.hasSecret) {
    if (registrar !== undefined) await removeAll(options, registrar, stored.filter(isRegistered), signal);
    await noteHook(pool, { connection: name, scope: '', url }, { state: 'by hand' });
    return true;
  }
  if (sealer === null) {
    const reason = 'UPWRITE_ENCRYPTION_KEY is not set, so that the secrets of webhooks cannot be kept';
    await noteHook(pool, { connection: name, scope: '', url }, { state: 'failing', reason });
    log.warn({ connection: name }, reason);
    return false;
  }
  return keepRegistered({ options, connection: name, registrar, sealer, url, signal }, stored);
}

function isRegistered({ hook, secret }: StoredHook): boolean {
  return hook !== null || secret !== null;
}

async function keepRegistered(keeping: Keeping, stored: readonly StoredHook[]): Promise<boolean> {
  const { options, connection, registrar, url, signal } = keeping;
  const objects = options.tables(connection).map(({ resource }) => resource.object);
  let scopes: readonly string[];
  try {
    scopes = await registrar.scopes(objects, signal);
  } catch (error) {
    if (stored.length === 0) {
      await noteHook(options.pool, { connection, scope: '', url }, { state: 'failing', reason: reasonOf(error) });
    }
    throw error;
  }
  const wanted = new Set(scopes);
  const unwanted = stored.filter(({ scope }) => !wanted.has(scope));
  let well = await removeAll(options, registrar, unwanted, signal);
  for (const scope of scopes) {
    signal.throwIfAborted();
    const before = stored.find((hook) => hook.scope === scope);
    well = (await keepScope(keeping, scope, before, objects)) && well;
  }
  return well;
}

async function forgetAll({ pool }: KeeperOptions, stored: readonly StoredHook[]): Promise<boolean> {
  for (const { connection, scope } of stored) await forgetHook(pool, connection, scope);
  return true;
}

/** Takes hooks back from the API; one for which that fails is tried again. */
async function removeAll(
  options: KeeperOptions,
  registrar: HookRegistrar,
  stored: readonly StoredHook[],
  signal: AbortSignal,
): Promise<boolean> {
  const { pool, log } = options;
  let well = true;
  for (const { connection, scope, hook, url, secret, oldHooks } of stored) {
    try {
      const ids = new Set(hook === null ? oldHooks : [hook, ...oldHooks]);
      // One whose registration was cut off has left no id.
      if (hook === null && secret !== null) for (const { id } of await registrar.list(scope, url, signal)) ids.add(id);
      for (const id of ids) await registrar.remove(scope, id, signal);
      await forgetHook(pool, connection, scope);
      if (ids.size > 0) log.info({ connection, scope }, 'a webhook was removed');
    } catch (error) {
      signal.throwIfAborted();
      well = false;
      await noteHook(pool, { connection, scope, url }, { state: 'failing', reason: reasonOf(error) });
      log.warn({ connection, scope, error }, 'a webhook could not be removed');
    }
  }
  return well;
}
