import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKit, silentLog } from './kit.js';
import { createRegistry } from './registry.js';

let root = '';

async function folder(name: string, code: string): Promise<void> {
  await mkdir(path.join(root, name));
  await writeFile(path.join(root, name, 'index.js'), code);
}

beforeAll(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'upwrite-registry-'));
  await writeFile(path.join(root, 'package.json'), '{"type":"module"}');
  const methods = `parseConfig: (input) => { if (!input.token) throw new Error('token is missing'); return input; },
    open: () => ({ check: async () => 'checked' })`;
  await folder(
    'acme',
    `globalThis.acmeLoads = (globalThis.acmeLoads ?? 0) + 1;
    export const provider = { name: 'acme', ${methods} };`,
  );
  await folder('broken', 'export const provider = { name: "broken" };');
  await folder('liar', `export const provider = { name: 'other', ${methods} };`);
  await folder('_template', 'throw new Error("a template is not loaded");');
  await mkdir(path.join(root, 'empty'));
});

afterAll(() => rm(root, { recursive: true, force: true }));

const loads = (): unknown => Reflect.get(globalThis, 'acmeLoads');

describe('createRegistry', () => {
  it('finds folders and loads each when first asked for', async () => {
    const registry = createRegistry(root);
    expect(await registry.names()).toEqual(['acme', 'broken', 'liar']);
    expect(loads()).toBeUndefined();
    const [one, two] = await Promise.all([registry.load('acme'), registry.load('acme')]);
    expect(one).toBe(two);
    expect(loads()).toBe(1);
    expect(() => one.configure({})).toThrow('token is missing');
    const session = one
      .configure({ token: 't' })
      .open(createKit({ connection: 'c', provider: 'acme', log: silentLog }));
    expect(await session.check(new AbortController().signal)).toBe('checked');
  });

  it.each(['nope', '_template', '../acme', 'empty', 'Acme', ''])('has no provider "%s"', async (name) => {
    await expect(createRegistry(root).load(name)).rejects.toThrow('known providers: acme, broken, liar');
  });

  it('says what is wrong with a folder', async () => {
    await expect(createRegistry(root).load('broken')).rejects.toThrow('does not export a provider');
    await expect(createRegistry(root).load('liar')).rejects.toThrow('calls itself "other"');
  });

  it('finds the repository’s own providers', async () => {
    const registry = createRegistry();
    for (const name of await registry.names()) expect((await registry.load(name)).name).toBe(name);
    expect((await registry.names()).length).toBeGreaterThan(0);
  });
});
