/**
 * Checks the import rules of .dependency-cruiser.cjs, and checks the check: every TypeScript file under src and
 * providers must have been seen, and every rule must fire on a violation that is planted in a temporary tree.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const cruiser = join(root, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruise.mjs');
const config = '.dependency-cruiser.cjs';
const { forbidden } = createRequire(import.meta.url)(join(root, config));

/** For each rule a file and what it imports, such as to break this rule. */
const plants = {
  'room-errors': ['src/errors/planted.ts', '../telemetry/index.js'],
  'room-telemetry': ['src/telemetry/planted.ts', '../errors/index.js'],
  'room-wire': ['src/wire/planted.ts', '../sql/index.js'],
  'room-sql': ['src/sql/planted.ts', '../catalog/index.js'],
  'room-config': ['src/config/planted.ts', '../provider/index.js'],
  'room-provider': ['src/provider/planted.ts', '../catalog/index.js'],
  'room-catalog': ['src/catalog/planted.ts', '../store/index.js'],
  'room-store': ['src/store/planted.ts', '../upstream/index.js'],
  'room-upstream': ['src/upstream/planted.ts', '../sql/index.js'],
  'room-write': ['src/write/planted.ts', '../proxy/index.js'],
  'room-sync': ['src/sync/planted.ts', '../write/index.js'],
  'room-records': ['src/records/planted.ts', '../sync/index.js'],
  'room-webhooks': ['src/webhooks/planted.ts', '../sync/index.js'],
  'room-proxy': ['src/proxy/planted.ts', '../write/index.js'],
  'known-rooms': ['src/cellar/planted.ts', '../errors/index.js'],
  'known-rooms-only': ['src/cli/planted-main.ts', '../main/index.js'],
  'front-door': ['src/cli/planted.ts', '../errors/inner.js'],
  'front-door-for-main-and-providers': ['providers/one/planted-door.ts', '../../src/errors/inner.js'],
  'providers-know-the-contract-only': ['providers/one/planted.ts', '../../src/catalog/index.js'],
  'providers-apart': ['providers/one/planted-apart.ts', '../two/index.js'],
  'no-provider-by-name': ['src/cli/planted-provider.ts', '../../providers/one/index.js'],
  'no-vendor-package': ['src/cli/planted-vendor.ts', 'jsforce'],
  'no-vendor-package-unresolved': ['src/cli/planted-octokit.ts', '@octokit/planted'],
  'no-tests-in-production': ['src/cli/planted-test.ts', '../../test/index.js'],
  'no-fixtures-in-production': ['src/proxy/planted-fixture.ts', '../../fixtures/index.js'],
  'no-cycles': ['src/cli/planted-cycle.ts', './planted-cycle-back.js'],
  resolvable: ['src/cli/planted-nowhere.ts', './nowhere.js'],
  'no-development-package': ['src/cli/planted-development.ts', 'vitest'],
};

const rooms = [
  'errors',
  'telemetry',
  'wire',
  'sql',
  'config',
  'provider',
  'catalog',
  'store',
  'upstream',
  'write',
  'sync',
  'records',
  'webhooks',
  'proxy',
  'cli',
  'cellar',
  'main',
];

function cruise(directory) {
  const folders = ['src', 'providers'].filter((folder) => existsSync(join(directory, folder)));
  const result = spawnSync(process.execPath, [cruiser, '--config', config, '--output-type', 'json', ...folders], {
    cwd: directory,
    encoding: 'utf8',
    maxBuffer: 512 * 1024 * 1024,
  });
  try {
    return JSON.parse(result.stdout);
  } catch {
    console.error(result.stderr || result.stdout);
    throw new Error(`dependency-cruiser failed in ${directory}`);
  }
}

function typescriptFiles(directory) {
  return ['src', 'providers']
    .filter((folder) => existsSync(join(directory, folder)))
    .flatMap((folder) => readdirSync(join(directory, folder), { recursive: true }).map((name) => join(folder, name)))
    .filter((name) => /\.[cm]?tsx?$/.test(name))
    .map((name) => name.split(sep).join('/'));
}

function plant(directory, file, text) {
  mkdirSync(dirname(join(directory, file)), { recursive: true });
  writeFileSync(join(directory, file), text);
}

/** Rules that do not fire on a violation made for them. */
function deafRules() {
  const directory = mkdtempSync(join(tmpdir(), 'upwrite-architecture-'));
  try {
    for (const name of [config, 'package.json']) cpSync(join(root, name), join(directory, name));
    symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
    const places = [...rooms.map((room) => `src/${room}`), 'providers/one', 'providers/two', 'test', 'fixtures'];
    for (const place of places) plant(directory, `${place}/index.ts`, 'export type Door = string;\n');
    plant(directory, 'src/errors/inner.ts', 'export type Inner = string;\n');
    plant(directory, 'src/cli/planted-cycle-back.ts', "import './planted-cycle.js';\n");
    for (const [file, target] of Object.values(plants)) plant(directory, file, `import '${target}';\n`);
    const { violations } = cruise(directory).summary;
    return forbidden
      .map(({ name }) => name)
      .filter(
        (name) =>
          !violations.some(({ rule, from, to }) => rule.name === name && [from, to].includes(plants[name]?.[0])),
      );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const { modules, summary } = cruise(root);
const seen = new Set(modules.map(({ source }) => source));
const unseen = typescriptFiles(root).filter((file) => !seen.has(file));
const deaf = deafRules();

for (const { rule, from, to } of summary.violations) console.error(`${rule.name}: ${from} → ${to}`);
for (const file of unseen) console.error(`not seen: ${file}`);
for (const name of deaf) console.error(`rule ${name} does not fire on a violation made for it`);

const files = typescriptFiles(root).length;
const failed = summary.violations.length > 0 || unseen.length > 0 || deaf.length > 0 || files === 0;
console.log(`architecture: ${files} files, ${forbidden.length} rules, ${summary.violations.length} violations`);
process.exitCode = failed ? 1 : 0;
