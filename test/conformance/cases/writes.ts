/** Writes: counts, refusals, values. */
import { expect } from 'vitest';
import type { Verb } from '../../../src/provider/index.js';
import { type Case, codes, insert, keysOf, mark, marks, max, type Scene, send } from './scene.js';

function countCases(verb: Exclude<Verb, 'upsert'>): readonly Case[] {
  const counts: readonly [string, (limit: number) => number][] = [
    ['1 row', () => 1],
    ['2 rows', (limit) => Math.min(2, limit)],
    ['as many rows as one request takes', (limit) => limit],
  ];
  const verbs: Readonly<Record<Exclude<Verb, 'upsert'>, (scene: Scene, count: number) => Promise<void>>> = {
    insert: async (scene, count) => {
      const given = marks(count);
      const before = scene.stand.writes();
      const keys = await insert(scene, given);
      expect(new Set(keys).size).toBe(count);
      const state = scene.stand.state();
      expect(keys.map((key) => state.get(key))).toEqual(given);
      if (scene.resource.writes.insert?.atomic === true) expect(scene.stand.writes()).toBe(before + 1);
    },
    update: async (scene, count) => {
      const keys = marks(count).map((text) => scene.stand.upstream.insert(text));
      const given = marks(count);
      const rows = keys.map((key, index) => ({ key, values: { [scene.stand.mark]: given[index] ?? '' } }));
      expect(keysOf((await send(scene, 'update', rows)).outcomes)).toEqual(keys);
      const state = scene.stand.state();
      expect(keys.map((key) => state.get(key))).toEqual(given);
    },
    delete: async (scene, count) => {
      const keys = marks(count).map((text) => scene.stand.upstream.insert(text));
      const before = scene.stand.state().size;
      const rows = keys.map((key) => ({ key }));
      expect(keysOf((await send(scene, 'delete', rows)).outcomes)).toEqual(keys);
      expect(scene.stand.state().size).toBe(before - count);
    },
  };
  const within = counts.map(([name, count]) => ({
    name: `${verb} of ${name}`,
    run: (scene: Scene) => verbs[verb](scene, count(max(scene, verb))),
  }));
  const beyond: Case = {
    name: `${verb} of one row more is refused, and nothing is sent`,
    run: async (scene) => {
      const rows = Array.from({ length: max(scene, verb) + 1 }, (_, index) => ({
        ...(verb === 'insert' ? {} : { key: `${scene.stand.missingKey}${index}` }),
        values: verb === 'insert' ? scene.stand.fresh('x') : {},
      }));
      const before = scene.stand.writes();
      const { outcomes } = await send(scene, verb, rows);
      expect(new Set(codes(outcomes))).toEqual(new Set(['too_many_rows']));
      expect(scene.stand.writes()).toBe(before);
    },
  };
  return [...within, beyond];
}

/** The row at `at` of five is refused; an atomic API undoes the others and tells the culprit from them. */
function positionCase(name: string, at: number): Case {
  return {
    name: `refusal of the ${name} row`,
    run: async (scene) => {
      const { stand, resource } = scene;
      const count = Math.min(5, max(scene, 'insert'));
      const culprit = Math.min(at, count - 1);
      const bad = stand.refusals[0]?.values ?? {};
      const before = stand.state();
      const rows = marks(count).map((text, index) => ({
        values: { ...stand.fresh(text), ...(index === culprit ? bad : {}) },
      }));
      const { outcomes } = await send(scene, 'insert', rows);
      const culprits = outcomes.flatMap((outcome, index) =>
        outcome.kind === 'rejected' && outcome.sibling !== true ? [index] : [],
      );
      expect(culprits).toEqual([culprit]);
      const applied = outcomes.filter((outcome) => outcome.kind === 'applied').length;
      expect(stand.state().size).toBe(before.size + applied);
      if (resource.writes.insert?.atomic === true) expect(applied).toBe(0);
    },
  };
}

const refusalCase: Case = {
  name: 'each kind of refusal has its SQLSTATE, column and detail, and the API’s own words',
  run: async (scene) => {
    for (const refusal of scene.stand.refusals) {
      const values = { ...scene.stand.fresh(mark('refused')), ...refusal.values };
      const { outcomes } = await send(scene, 'insert', [{ values }]);
      const [outcome] = outcomes;
      if (outcome?.kind !== 'rejected') throw new Error(`${refusal.name} was ${outcome?.kind}`);
      const { sqlstate, column, detail, context } = outcome.fault;
      expect({ name: refusal.name, sqlstate, column }).toEqual({
        name: refusal.name,
        sqlstate: refusal.sqlstate,
        column: refusal.column,
      });
      if (refusal.detail !== undefined) expect(detail).toBe(refusal.detail);
      expect(context).toMatch(/ answered /);
    }
  },
};

const goneCase: Case = {
  name: 'a record that is gone, or never was',
  run: async (scene) => {
    const { stand } = scene;
    const key = stand.upstream.insert(mark('gone'));
    stand.upstream.delete(key);
    for (const missing of [key, stand.missingKey]) {
      const update = await send(scene, 'update', [{ key: missing, values: { [stand.mark]: 'x' } }]);
      expect(codes(update.outcomes)).toEqual(['record_gone']);
      const { outcomes } = await send(scene, 'delete', [{ key: missing }]);
      expect(codes(outcomes)).toEqual([stand.deletesUnknown === true ? 'applied' : 'record_gone']);
    }
  },
};

const readOnlyCase: Case = {
  name: 'a column that the API sets is refused before it is asked',
  run: async (scene) => {
    const { stand } = scene;
    const before = stand.writes();
    const values = { ...stand.fresh(mark('x')), [stand.readOnly]: null };
    expect(codes((await send(scene, 'insert', [{ values }])).outcomes)).toEqual(['read_only_column']);
    expect(stand.writes()).toBe(before);
  },
};

const keptCase: Case = {
  name: 'values are reported as the API keeps them',
  run: async (scene) => {
    for (const { name, column, given, kept } of scene.stand.kept) {
      const values = { ...scene.stand.fresh(mark('kept')), [column]: given };
      const { outcomes } = await send(scene, 'insert', [{ values }]);
      const [key = ''] = keysOf(outcomes);
      const [outcome] = outcomes;
      const told = outcome?.kind === 'applied' ? outcome.record.values[column] : undefined;
      const [read] = await scene.session.read(scene.resource, [key], scene.signal);
      expect({ name, told, read: read?.values[column] }).toEqual({ name, told: kept, read: kept });
    }
  },
};

const texts = [
  "O'Neill; DROP TABLE x; --",
  'say "hi" \\ %_ {"a":1}',
  'Zażółć gęślą jaźń',
  '日本語 العربية עברית',
  '👩‍👩‍👧‍👦 é e\u0301',
  'line one\nline two\ttab',
  '<b>&amp;</b>',
  'null',
];

const textCase: Case = {
  name: 'text of every kind comes back as it was sent',
  run: async (scene) => {
    const { stand, session, resource, signal } = scene;
    const keys = texts.map((text) => stand.upstream.insert(mark(text.slice(0, 3))));
    for (const [index, text] of texts.entries()) {
      const key = keys[index] ?? '';
      keysOf((await send(scene, 'update', [{ key, values: { [stand.mark]: text } }])).outcomes);
    }
    const read = await session.read(resource, keys, signal);
    expect(read.map((record) => record?.values[stand.mark])).toEqual(texts);
  },
};

const clearCase: Case = {
  name: 'NULL clears a field, an absent column leaves it',
  run: async (scene) => {
    const { stand } = scene;
    const key = stand.upstream.insert(mark('full'));
    keysOf((await send(scene, 'update', [{ key, values: { [stand.mark]: null } }])).outcomes);
    expect(stand.state().get(key)).toBeNull();
  },
};

export const writeCases: readonly Case[] = [
  ...countCases('insert'),
  ...countCases('update'),
  ...countCases('delete'),
  positionCase('first', 0),
  positionCase('middle', 2),
  positionCase('last', 4),
  refusalCase,
  goneCase,
  readOnlyCase,
  keptCase,
  textCase,
  clearCase,
];
