/** Reading: descriptions, full pulls, changes, single records. */
import { expect } from 'vitest';
import type { Cursor, JsonValue, Page, Verb } from '../../../src/provider/index.js';
import type { Stand } from '../stand.js';
import { type Case, mark, marks, type Scene } from './scene.js';

const describeCase: Case = {
  name: 'describe gives well-formed tables',
  run: async (scene) => {
    const resources = await scene.session.describe(scene.signal);
    expect(resources.map((resource) => resource.name).sort()).toEqual([...scene.stand.tables].sort());
    for (const resource of resources) {
      const names = resource.columns.map((column) => column.name);
      expect(new Set(names).size).toBe(names.length);
      expect(names[0]).toBe(resource.key);
      if (resource.version !== undefined) expect(names).toContain(resource.version);
      for (const column of resource.columns) {
        expect(Buffer.byteLength(column.name)).toBeLessThanOrEqual(63);
        if (column.required === true) expect(column.insertable).toBe(true);
      }
      for (const limit of Object.values(resource.writes)) expect(limit.max).toBeLessThanOrEqual(limit.ceiling);
    }
    const columns = new Set(scene.resource.columns.map((column) => column.name));
    for (const name of [scene.stand.mark, scene.stand.readOnly]) expect(columns).toContain(name);
    for (const [verb, limit] of Object.entries(scene.stand.limits)) {
      expect(scene.resource.writes[verb as Verb]?.max).toBe(limit);
      expect(scene.session.plan(verb as Verb, scene.resource, limit).calls).toBeGreaterThan(0);
    }
  },
};

interface Mirror {
  readonly rows: Map<string, JsonValue>;
  cursor: Cursor | null;
  pages: number;
}

function store(scene: Scene, mirror: Mirror, page: Page): void {
  for (const record of page.records) {
    expect(record.key).toBe(record.values[scene.resource.key]);
    mirror.rows.set(record.key, record.values[scene.stand.mark] ?? null);
  }
  for (const key of page.deletions) mirror.rows.delete(key);
  mirror.cursor = JSON.parse(JSON.stringify(page.next)) as Cursor;
  mirror.pages += 1;
}

/** Pulls to the end; `between` runs after each page. */
async function follow(scene: Scene, mirror: Mirror, between: (pages: number) => void = () => {}): Promise<void> {
  let last = false;
  for await (const page of scene.session.pull(scene.resource, mirror.cursor, scene.signal)) {
    expect(last).toBe(false);
    store(scene, mirror, page);
    last = page.last;
    between(mirror.pages);
  }
  expect(last).toBe(true);
}

/** What the sync does where deletions are not listed: lists everything anew, and what is not there has gone. */
async function sweep(scene: Scene, mirror: Mirror): Promise<void> {
  if (scene.resource.pull.deletions === 'listed') return;
  const listed = emptyMirror();
  await follow(scene, listed);
  for (const key of mirror.rows.keys()) if (!listed.rows.has(key)) mirror.rows.delete(key);
}

const emptyMirror = (): Mirror => ({ rows: new Map(), cursor: null, pages: 0 });

/** More records than two pages hold, all made in one go, so that time stamps are equal over page boundaries. */
function fillPages(stand: Stand): void {
  for (let count = 0; count < stand.pageSize * 2 + 7; count += 1) stand.upstream.insert(mark('page'));
}

function expectMirror({ stand }: Scene, mirror: Mirror): void {
  expect(new Map([...mirror.rows].sort())).toEqual(new Map([...stand.state()].sort()));
}

const pullCase: Case = {
  name: 'a full pull in pages gives every record, and its cursor the changes and deletions since',
  run: async (scene) => {
    const { stand } = scene;
    fillPages(stand);
    const mirror = emptyMirror();
    await follow(scene, mirror);
    expect(mirror.pages).toBeGreaterThan(2);
    expectMirror(scene, mirror);
    const [changed = '', deleted = ''] = [...stand.state().keys()];
    stand.upstream.update(changed, mark('changed'));
    stand.upstream.delete(deleted);
    stand.upstream.insert(mark('new'));
    await follow(scene, mirror);
    await sweep(scene, mirror);
    expectMirror(scene, mirror);
  },
};

const resumeCase: Case = {
  name: 'a pull resumed after every page neither skips nor loops, over equal time stamps too',
  run: async (scene) => {
    const { stand, session, resource, signal } = scene;
    fillPages(stand);
    const mirror = emptyMirror();
    const onePage = async (): Promise<boolean> => {
      for await (const page of session.pull(resource, mirror.cursor, signal)) {
        store(scene, mirror, page);
        return page.last;
      }
      return true;
    };
    const toEnd = async (): Promise<void> => {
      for (let pages = 0; !(await onePage()); pages += 1) expect(pages).toBeLessThan(20);
    };
    await toEnd();
    expectMirror(scene, mirror);
    fillPages(stand);
    await toEnd();
    expectMirror(scene, mirror);
  },
};

const movingCase: Case = {
  name: 'records that change, appear and vanish during a pull end right',
  run: async (scene) => {
    const { stand } = scene;
    fillPages(stand);
    const mirror = emptyMirror();
    const keys = [...stand.state().keys()].sort();
    await follow(scene, mirror, (pages) => {
      const [early = '', late = '', gone = ''] = [keys[pages] ?? '', keys.at(-pages) ?? '', keys[pages * 7] ?? ''];
      stand.upstream.update(early, mark('early'));
      stand.upstream.update(late, mark('late'));
      stand.upstream.delete(gone);
      stand.upstream.insert(mark('during'));
    });
    await follow(scene, mirror);
    await sweep(scene, mirror);
    expectMirror(scene, mirror);
  },
};

const lateCase: Case = {
  name: 'quiet time passes, and later changes are still found',
  run: async (scene) => {
    const { stand } = scene;
    const mirror = emptyMirror();
    await follow(scene, mirror);
    for (let round = 0; round < 3; round += 1) {
      stand.advance(600_000);
      stand.upstream.insert(mark('later'));
      await follow(scene, mirror);
      expectMirror(scene, mirror);
    }
  },
};

const readCase: Case = {
  name: 'single records are read in the order asked for, null where there is none',
  run: async (scene) => {
    const { stand, session, resource, signal } = scene;
    const keys = marks(3).map((text) => stand.upstream.insert(text));
    const [one = '', two = '', deleted = ''] = keys;
    stand.upstream.delete(deleted);
    const asked = [two, stand.missingKey, one, deleted, 'not a key', two];
    const read = await session.read(resource, asked, signal);
    expect(read.map((record) => record?.key ?? null)).toEqual([two, null, one, null, null, two]);
  },
};

const nulCase: Case = {
  name: 'the character that Postgres cannot hold is left out of what the API has',
  run: async (scene) => {
    const { stand, session, resource, signal } = scene;
    const key = stand.upstream.insert('n\u0000u\u0000l');
    const [read] = await session.read(resource, [key], signal);
    expect(read?.values[stand.mark]).toBe('nul');
    const mirror = emptyMirror();
    await follow(scene, mirror);
    expect(mirror.rows.get(key)).toBe('nul');
  },
};

const unfitCase: Case = {
  name: 'a value that is not of the type of its column is NULL, and the rest of the record comes',
  run: async ({ stand, session, resource, signal }) => {
    const key = stand.upstream.insert('no such value');
    for (const type of ['numeric', 'date', 'timestamptz'] as const) {
      // As if the API's description said so.
      const columns = resource.columns.map((column) => (column.name === stand.mark ? { ...column, type } : column));
      const [read] = await session.read({ ...resource, columns }, [key], signal);
      expect(read?.values[stand.mark], type).toBeNull();
      expect(read?.values[resource.key]).toBe(key);
    }
  },
};

export const readCases: readonly Case[] = [
  describeCase,
  {
    name: 'check says who we are',
    run: async ({ session, signal }) => expect(await session.check(signal)).not.toBe(''),
  },
  readCase,
  pullCase,
  resumeCase,
  movingCase,
  lateCase,
  nulCase,
  unfitCase,
];
