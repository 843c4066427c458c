/**
 * A sixth provider, made as the README says: the template's folder under another name, found by that name. It stands in a
 * tree of its own, whose `src` is the repository's.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { createRegistry } from '../../src/provider/index.js';
import * as stand from './sixth/stand.js';
import { conform } from './suite.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const home = join(root, '.upwrite');
mkdirSync(home, { recursive: true });
const tree = mkdtempSync(join(home, 'sixth-'));
const folder = join(tree, 'providers', 'sixth');

mkdirSync(join(tree, 'providers'));
symlinkSync(join(root, 'src'), join(tree, 'src'));
cpSync(join(root, 'providers', '_template'), folder, { recursive: true });
const index = join(folder, 'index.ts');
writeFileSync(index, readFileSync(index, 'utf8').replace("const name = 'template'", "const name = 'sixth'"));
afterAll(() => rmSync(tree, { recursive: true, force: true }));

const registry = createRegistry(join(tree, 'providers'));

describe('a sixth provider', () => {
  it('is found by its name, and the template is not one', async () => {
    expect(await registry.names()).toEqual(['sixth']);
    expect(await createRegistry().names()).not.toContain('_template');
    await expect(createRegistry().load('_template')).rejects.toThrow('there is no provider');
  });

  conform('sixth', registry, stand);
});
