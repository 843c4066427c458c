/** Upserts, of the providers whose table declares them. The others have nothing to show here. */
import { expect } from 'vitest';
import type { Values } from '../../../src/provider/index.js';
import { type Case, codes, keysOf, mark, marks, max, type Scene, send } from './scene.js';

/** Runs the case where the stand says how records are found. */
function upsertCase(name: string, run: (scene: Scene, column: string) => Promise<void>): Case {
  return {
    name: `upsert: ${name}`,
    run: async (scene) => {
      expect(scene.stand.upsertBy !== undefined).toBe(scene.resource.writes.upsert !== undefined);
      if (scene.stand.upsertBy !== undefined) await run(scene, scene.stand.upsertBy);
    },
  };
}

let serial = 0;

/** Values of a record with a key of its own. */
function keyed(scene: Scene, column: string, text: string): Values {
  serial += 1;
  return { ...scene.stand.fresh(text), [column]: `key-${process.pid}-${serial}` };
}

function upsert(scene: Scene, column: string, rows: readonly Values[]) {
  return send(
    scene,
    'upsert',
    rows.map((values) => ({ values })),
    { conflict: [column] },
  );
}

const counts: readonly [string, (limit: number) => number][] = [
  ['1 row', () => 1],
  ['2 rows', (limit) => Math.min(2, limit)],
  ['as many rows as one request takes', (limit) => limit],
];

const countCases = counts.map(([name, countOf]) =>
  upsertCase(`${name}, new ones and old ones, by one request`, async (scene, column) => {
    const count = countOf(max(scene, 'upsert'));
    const rows = marks(count).map((text) => keyed(scene, column, text));
    const old = rows.filter((_, index) => index % 2 === 0);
    const known = keysOf((await upsert(scene, column, old)).outcomes);
    const again = marks(count);
    const given = rows.map((row, index) => ({ ...row, [scene.stand.mark]: again[index] ?? '' }));
    const before = scene.stand.writes();
    const { outcomes } = await upsert(scene, column, given);
    expect(scene.stand.writes()).toBe(before + 1);
    const keys = keysOf(outcomes);
    expect(new Set(keys).size).toBe(count);
    expect(keys.filter((_, index) => index % 2 === 0)).toEqual(known);
    expect(outcomes).toMatchObject(rows.map((_, index) => ({ kind: 'applied', created: index % 2 === 1 })));
    const state = scene.stand.state();
    expect(keys.map((key) => state.get(key))).toEqual(again);
  }),
);

const beyondCase = upsertCase('one row more is refused, and nothing is sent', async (scene, column) => {
  const before = scene.stand.writes();
  const rows = marks(max(scene, 'upsert') + 1).map((text) => keyed(scene, column, text));
  expect(new Set(codes((await upsert(scene, column, rows)).outcomes))).toEqual(new Set(['too_many_rows']));
  expect(scene.stand.writes()).toBe(before);
});

const noKeyCase = upsertCase('by a column that is no key, nothing is sent', async (scene, column) => {
  const before = scene.stand.writes();
  const values = keyed(scene, column, mark('keyless'));
  const { key } = scene.resource;
  for (const [conflict, row] of [
    [[key], values],
    [[], values],
    [[column], { ...values, [column]: null }],
  ] as const) {
    const { outcomes } = await send(scene, 'upsert', [{ values: row }], { conflict });
    expect(codes(outcomes)).toEqual(['internal']);
  }
  expect(scene.stand.writes()).toBe(before);
});

const refusedCase = upsertCase('a refused row is told from the others', async (scene, column) => {
  const count = Math.min(5, max(scene, 'upsert'));
  const bad = scene.stand.refusals[0]?.values ?? {};
  const before = scene.stand.state();
  const rows = marks(count).map((text, index) => ({ ...keyed(scene, column, text), ...(index === 2 ? bad : {}) }));
  const { outcomes } = await upsert(scene, column, rows);
  const culprits = outcomes.flatMap((outcome, index) =>
    outcome.kind === 'rejected' && outcome.sibling !== true ? [index] : [],
  );
  expect(culprits).toEqual([2]);
  const applied = outcomes.filter((outcome) => outcome.kind === 'applied').length;
  expect(scene.stand.state().size).toBe(before.size + applied);
  if (scene.resource.writes.upsert?.atomic === true) expect(applied).toBe(0);
  const [culprit] = outcomes.slice(2);
  if (culprit?.kind !== 'rejected') throw new Error('not refused');
  expect(culprit.fault.sqlstate).toBe(scene.stand.refusals[0]?.sqlstate);
});

const lostCase = upsertCase('a lost answer is found again by the key', async (scene, column) => {
  const { stand, session, resource, signal } = scene;
  const old = keyed(scene, column, mark('old'));
  const [key = ''] = keysOf((await upsert(scene, column, [old])).outcomes);
  const [changed, made] = [{ ...old, [stand.mark]: mark('changed') }, keyed(scene, column, mark('made'))];
  const rows = max(scene, 'upsert') > 1 ? [changed, made] : [changed];
  for (const phase of ['before', 'after'] as const) {
    stand.trouble({ kind: 'cut', phase });
    const { outcomes, batch } = await upsert(scene, column, rows);
    expect(codes(outcomes)).toEqual(rows.map(() => 'outcome_unknown'));
    const found = (await session.findUpserted?.(batch, signal)) ?? [];
    expect(found[0]?.key).toBe(key);
    const holds = found.map((record, i) => record !== null && session.holds?.(resource, record, rows[i] ?? {}));
    expect(holds).toEqual(rows.map(() => phase === 'after'));
  }
});

export const upsertCases: readonly Case[] = [...countCases, beyondCase, noKeyCase, refusedCase, lostCase];
