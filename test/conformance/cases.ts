/** The cases of the conformance suite, as data: a name, and what must hold of any provider. */
import { expect } from 'vitest';
import type {
  Batch,
  Cursor,
  JsonValue,
  Outcome,
  Page,
  Resource,
  Session,
  Values,
  Verb,
} from '../../src/provider/index.js';
import type { Stand } from './stand.js';

export interface Scene {
  readonly stand: Stand;
  readonly session: Session;
  readonly resource: Resource;
  readonly signal: AbortSignal;
}

export interface Case {
  readonly name: string;
  readonly run: (scene: Scene) => Promise<void>;
}

let serial = 0;

/** A mark that no other case uses. */
export function mark(prefix: string): string {
  serial += 1;
  return `${prefix} ${serial}`;
}

interface Sent {
  readonly outcomes: readonly Outcome[];
  readonly batch: Batch;
  readonly sentAt: number;
}

interface SendOptions {
  /** Milliseconds for an answer. */
  readonly patience?: number;
  readonly signal?: AbortSignal;
}

async function send(
  scene: Scene,
  verb: Verb,
  rows: readonly { readonly key?: string; readonly values?: Values }[],
  options: SendOptions = {},
): Promise<Sent> {
  const batch: Batch = {
    verb,
    resource: scene.resource,
    rows: rows.map(({ key = null, values = {} }) => {
      serial += 1;
      return { key, values, idempotencyKey: `conformance-${process.pid}-${serial}` };
    }),
    deadline: Date.now() + (options.patience ?? 10_000),
  };
  const sentAt = Date.now();
  const { outcomes } = await scene.session.write(batch, options.signal ?? scene.signal);
  expect(outcomes).toHaveLength(rows.length);
  return { outcomes, batch, sentAt };
}

export function codes(outcomes: readonly Outcome[]): readonly string[] {
  return outcomes.map((outcome) => (outcome.kind === 'applied' ? 'applied' : outcome.fault.code));
}

function keysOf(outcomes: readonly Outcome[]): readonly string[] {
  return outcomes.map((outcome) => {
    if (outcome.kind !== 'applied') throw new Error(`${outcome.fault.message}: ${outcome.fault.detail}`);
    return outcome.record.key;
  });
}

function marks(count: number): readonly string[] {
  return Array.from({ length: count }, () => mark('row'));
}

async function insert(scene: Scene, given: readonly string[]): Promise<readonly string[]> {
  const { outcomes } = await send(
    scene,
    'insert',
    given.map((text) => ({ values: scene.stand.fresh(text) })),
  );
  return keysOf(outcomes);
}

const max = (scene: Scene, verb: Verb): number => scene.stand.limits[verb] ?? 1;

function countCases(verb: Verb): readonly Case[] {
  const counts: readonly [string, (limit: number) => number][] = [
    ['1 row', () => 1],
    ['2 rows', (limit) => Math.min(2, limit)],
    ['as many rows as one request takes', (limit) => limit],
  ];
  const verbs: Readonly<Record<Verb, (scene: Scene, count: number) => Promise<void>>> = {
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
      expect(codes((await send(scene, 'delete', [{ key: missing }])).outcomes)).toEqual(['record_gone']);
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

const lostAnswerCase = (kind: 'cut' | 'silence', phase: 'before' | 'after'): Case => ({
  name: `${kind} ${phase} applying: the outcome is unknown, and findInserted tells`,
  run: async (scene) => {
    const { stand, session, signal } = scene;
    const count = Math.min(3, max(scene, 'insert'));
    const before = stand.state().size;
    stand.trouble({ kind, phase });
    const writes = stand.writes();
    const { outcomes, batch, sentAt } = await send(
      scene,
      'insert',
      marks(count).map((text) => ({ values: stand.fresh(text) })),
      { patience: kind === 'silence' ? 400 : 5000 },
    );
    expect(new Set(codes(outcomes))).toEqual(new Set(['outcome_unknown']));
    expect(stand.writes()).toBeLessThanOrEqual(writes + 1);
    const found = await session.findInserted(batch, sentAt, signal);
    expect(stand.state().size).toBe(before + (phase === 'after' ? count : 0));
    if (phase === 'before') expect(found).toEqual(batch.rows.map(() => null));
    else expect(new Set(found.map((record) => record?.key)).size).toBe(count);
    for (const [index, record] of found.entries()) {
      if (record !== null) expect(stand.state().get(record.key)).toBe(batch.rows[index]?.values[stand.mark]);
    }
  },
});

const rateCase: Case = {
  name: 'a rate limit is waited for when there is time, and told when there is none',
  run: async (scene) => {
    const { stand } = scene;
    stand.trouble({ kind: 'rate', seconds: 0 });
    await insert(scene, [mark('waited')]);
    stand.trouble({ kind: 'rate', seconds: 30 });
    const before = stand.state().size;
    const rows = [{ values: stand.fresh(mark('late')) }];
    const { outcomes } = await send(scene, 'insert', rows, { patience: 3000 });
    const [outcome] = outcomes;
    expect(codes(outcomes)).toEqual(['rate_limited']);
    expect(outcome?.kind === 'rejected' && outcome.fault.message).toMatch(/retry in (29|30) s/);
    expect(stand.state().size).toBe(before);
  },
};

const busyCase: Case = {
  name: 'a server that did not take the request on is asked again',
  run: async (scene) => {
    scene.stand.trouble({ kind: 'busy' }, { times: 2 });
    const before = scene.stand.state().size;
    await insert(scene, [mark('busy')]);
    expect(scene.stand.state().size).toBe(before + 1);
  },
};

const crashCase: Case = {
  name: 'a server that failed may have applied the write: it is not sent again',
  run: async (scene) => {
    scene.stand.trouble({ kind: 'crash' });
    const before = scene.stand.writes();
    const { outcomes } = await send(scene, 'insert', [{ values: scene.stand.fresh(mark('crash')) }]);
    expect(codes(outcomes)).toEqual(['outcome_unknown']);
    expect(scene.stand.writes()).toBe(before + 1);
  },
};

const readTroubleCase: Case = {
  name: 'reads are repeated through failures',
  run: async (scene) => {
    const { stand, session, resource, signal } = scene;
    const key = stand.upstream.insert(mark('read'));
    for (const kind of ['crash', 'busy'] as const) {
      stand.trouble({ kind }, { times: 2, reads: true });
      const [record] = await session.read(resource, [key], signal);
      expect(record?.key).toBe(key);
    }
    stand.trouble({ kind: 'cut', phase: 'before' }, { reads: true });
    expect(await session.read(resource, [stand.missingKey], signal)).toEqual([null]);
  },
};

const tokenCase: Case = {
  name: 'an access token that expires in the middle is renewed, once for all',
  run: async (scene) => {
    const { stand } = scene;
    await insert(scene, [mark('before')]);
    stand.expireToken();
    const before = stand.state().size;
    await Promise.all(marks(5).map((text) => insert(scene, [text])));
    expect(stand.state().size).toBe(before + 5);
  },
};

const cancelCase: Case = {
  name: 'a cancelled write ends: before sending cleanly, after it as unknown',
  run: async (scene) => {
    const { stand } = scene;
    const before = stand.state().size;
    const rows = [{ values: stand.fresh(mark('cancelled')) }];
    const early = await send(scene, 'insert', rows, { signal: AbortSignal.abort() });
    expect(codes(early.outcomes)).toEqual(['write_cancelled']);
    expect(stand.state().size).toBe(before);
    const abort = new AbortController();
    stand.trouble({ kind: 'silence', phase: 'after' });
    const sent = send(scene, 'insert', rows, { signal: abort.signal });
    await expect.poll(() => stand.state().size).toBe(before + 1);
    abort.abort();
    expect(codes((await sent).outcomes)).toEqual(['outcome_unknown']);
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

export const cases: readonly Case[] = [
  describeCase,
  {
    name: 'check says who we are',
    run: async ({ session, signal }) => expect(await session.check(signal)).not.toBe(''),
  },
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
  lostAnswerCase('cut', 'before'),
  lostAnswerCase('cut', 'after'),
  lostAnswerCase('silence', 'before'),
  lostAnswerCase('silence', 'after'),
  rateCase,
  busyCase,
  crashCase,
  readTroubleCase,
  tokenCase,
  cancelCase,
  readCase,
  pullCase,
  resumeCase,
  movingCase,
  lateCase,
];
