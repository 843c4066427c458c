/**
 * Providers are folders: `providers/<name>/index.js` exports `provider`. They are found by name and loaded when first
 * asked for, so that the SDK of an unused one is never imported. Nothing here, or in the rest of `src`, names one.
 */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Pace, Provider, Session } from './contract.js';
import { guardSession } from './guard.js';
import type { Kit } from './kit.js';

/** A provider with a configuration that it has accepted. */
export interface ConfiguredProvider {
  readonly name: string;
  /** Opens a session, wrapped by the guard. Does no I/O. */
  open(kit: Kit): Session;
}

export interface LoadedProvider {
  readonly name: string;
  readonly pace: Pace;
  /** Throws an Error whose message names the key and the fix. */
  configure(input: unknown): ConfiguredProvider;
}

export interface Registry {
  /** The names of all providers, sorted. Folders whose names begin with `_` are not providers. */
  names(): Promise<readonly string[]>;
  /** Imports a provider. Throws an Error that lists the names when there is none of that name. */
  load(name: string): Promise<LoadedProvider>;
}

/** `providers/` beside `src/`, in the sources as in the compiled tree. */
const defaultRoot = fileURLToPath(new URL('../../providers/', import.meta.url));

const wellFormed = /^[a-z][a-z0-9-]{0,62}$/;
const entries = ['index.js', 'index.ts'];

function isProvider(value: unknown): value is Provider<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return (
    typeof Reflect.get(value, 'name') === 'string' &&
    typeof Reflect.get(value, 'parseConfig') === 'function' &&
    typeof Reflect.get(value, 'open') === 'function'
  );
}

function loaded(provider: Provider<unknown>): LoadedProvider {
  return {
    name: provider.name,
    pace: provider.pace,
    configure(input) {
      const config = provider.parseConfig(input);
      return { name: provider.name, open: (kit) => guardSession(provider.open(config, kit), kit) };
    },
  };
}

async function entryOf(root: string, name: string): Promise<string | undefined> {
  for (const entry of entries) {
    const file = path.join(root, name, entry);
    const found = await stat(file).catch(() => undefined);
    if (found?.isFile() === true) return file;
  }
  return undefined;
}

/** A registry over the folders of `root`; default the repository's own `providers/`. */
export function createRegistry(root: string = defaultRoot): Registry {
  const cache = new Map<string, Promise<LoadedProvider>>();

  async function names(): Promise<readonly string[]> {
    const folders = await readdir(root, { withFileTypes: true });
    const found: string[] = [];
    for (const folder of folders) {
      if (!folder.isDirectory() || !wellFormed.test(folder.name)) continue;
      if ((await entryOf(root, folder.name)) !== undefined) found.push(folder.name);
    }
    return found.sort();
  }

  async function load(name: string): Promise<LoadedProvider> {
    const file = wellFormed.test(name) ? await entryOf(root, name) : undefined;
    if (file === undefined) {
      throw new Error(`there is no provider "${name.slice(0, 64)}"; known providers: ${(await names()).join(', ')}`);
    }
    const module: unknown = await import(pathToFileURL(file).href);
    const provider: unknown =
      typeof module === 'object' && module !== null ? Reflect.get(module, 'provider') : undefined;
    if (!isProvider(provider)) throw new Error(`providers/${name}/index.js does not export a provider`);
    if (provider.name !== name) throw new Error(`the provider in providers/${name} calls itself "${provider.name}"`);
    return loaded(provider);
  }

  return {
    names,
    load(name) {
      const known = cache.get(name);
      if (known !== undefined) return known;
      const loading = load(name);
      cache.set(name, loading);
      loading.catch(() => cache.delete(name));
      return loading;
    },
  };
}
