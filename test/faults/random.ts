/**
 * One random run: several clients write at once, faults strike somewhere in the middle, and when everything runs again
 * the journal, the database and the APIs are compared with what the clients were told.
 */
import type pg from 'pg';
import { pick, type Random, random } from '../../fixtures/kit/index.js';
import type { Boundary } from '../../src/write/index.js';
import type { Api, Bench } from './bench.js';
import { gone, Ledger, type Value } from './ledger.js';
import { type FaultKind, faults, strike } from './strike.js';
import { type Told, tell } from './told.js';
import { knownKeys, lastEntry, seen, wrongs } from './verify.js';

export interface RunResult {
  readonly faults: readonly string[];
  readonly writes: number;
  readonly told: Ledger['told'];
  readonly wrong: readonly string[];
}

interface Table {
  readonly api: Api;
  readonly name: string;
  readonly marker: string;
  readonly counter: string;
}

const tables: readonly [Table, Table] = [
  { api: 'salesforce', name: 'salesforce.contacts', marker: 'last_name', counter: 'visits' },
  { api: 'partial', name: 'partial.items', marker: 'name', counter: 'n' },
];
const boundaries: readonly [Boundary, ...Boundary[]] = [
  'evaluated',
  'journalled',
  'confirmed',
  'applying',
  'committing',
  'committed',
];
/** Faults that an API makes by itself, at some of its writes. */
const apiFaults = [
  'cut before',
  'cut after',
  'held and late',
  'answers too late',
  'answers 503',
  'breaks down in the middle',
] as const;

/** A number that differs for every run of every seed. */
function seedOf(seed: number, run: number): number {
  return (Math.imul(seed, 0x9e3779b1) ^ Math.imul(run + 1, 0x85ebca6b)) >>> 0;
}

const between = (next: Random, low: number, high: number): number => low + Math.floor(next() * (high - low + 1));

/** What is shared by the writers of a run. */
interface Scene {
  readonly bench: Bench;
  readonly ledger: Ledger;
  readonly name: string;
  /** By table: a record that everybody counts up. */
  readonly counters: ReadonlyMap<Table, string>;
  /** A late request would undo later counts, which nothing can prevent: then nobody counts. */
  readonly counting: boolean;
}

/** A client that writes and remembers: each record that it made is its own to change. */
class Writer {
  readonly #scene: Scene;
  readonly #next: Random;
  readonly #name: string;
  readonly #upwrite: number;
  readonly #own = new Map<string, Table>();
  #client: pg.Client | null = null;
  #serial = 0;

  constructor(scene: Scene, name: string, next: Random, upwrite: number) {
    this.#scene = scene;
    this.#name = name;
    this.#next = next;
    this.#upwrite = upwrite;
  }

  async run(writes: number): Promise<void> {
    for (let i = 0; i < writes; i++) await this.#write();
    await this.#client?.end().catch(() => undefined);
  }

  async #connected(): Promise<pg.Client> {
    for (let attempt = 0; ; attempt++) {
      if (this.#client !== null) return this.#client;
      try {
        this.#client = await this.#scene.bench.client(this.#upwrite);
      } catch (error) {
        if (attempt > 400 * this.#scene.bench.pace) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  async #tell(sql: string, parameters: readonly unknown[]): Promise<Told> {
    const told = await tell(await this.#connected(), sql, parameters);
    if (told.kind === 'lost') {
      await this.#client?.end().catch(() => undefined);
      this.#client = null;
    }
    return told;
  }

  /** What is done next depends on the seed, and on what was told before. */
  #write(): Promise<void> {
    const table = pick(this.#next, tables);
    const choice = this.#next();
    const keys = [...this.#own].filter(([, of]) => of === table).map(([key]) => key);
    const some = keys.slice(0, between(this.#next, 1, 3));
    if (choice < 0.4 || (some.length === 0 && choice < 0.8)) return this.#insert(table);
    if (choice < 0.6) return this.#update(table, some);
    if (choice < 0.8) return this.#delete(table, some);
    return this.#scene.counting ? this.#count(table) : this.#insert(table);
  }

  /** Now and then the same rows as everybody else: nothing but the API's keys tells such records apart. */
  async #insert(table: Table): Promise<void> {
    const { ledger, name } = this.#scene;
    const rows = between(this.#next, 1, 3);
    const marker = this.#next() < 0.3 ? `${name} equal ${rows}` : `${name} ${this.#name} ${++this.#serial}`;
    const values = Array.from({ length: rows }, () => `($1, 'new')`).join(', ');
    const told = await this.#tell(`INSERT INTO ${table.name} (${table.marker}, note) VALUES ${values} RETURNING id`, [
      marker,
    ]);
    ledger.inserted(marker, rows, told, 'new');
    if (told.kind === 'success' || told.kind === 'partial') for (const key of told.keys) this.#own.set(key, table);
  }

  async #change(keys: readonly string[], to: Value, sql: string, parameters: readonly unknown[]): Promise<void> {
    const told = await this.#tell(sql, parameters);
    // A careful client leaves alone what it is in doubt about.
    if (!this.#scene.ledger.changed(keys, to, told) || to === gone) for (const key of keys) this.#own.delete(key);
  }

  #update(table: Table, keys: readonly string[]): Promise<void> {
    const note = `${this.#name} ${++this.#serial}`;
    const sql = `UPDATE ${table.name} SET note = $2 WHERE id = ANY ($1) RETURNING id`;
    return this.#change(keys, note, sql, [keys, note]);
  }

  #delete(table: Table, keys: readonly string[]): Promise<void> {
    return this.#change(keys, gone, `DELETE FROM ${table.name} WHERE id = ANY ($1) RETURNING id`, [keys]);
  }

  async #count(table: Table): Promise<void> {
    const key = this.#scene.counters.get(table) ?? '';
    const { counter, name } = table;
    const told = await this.#tell(`UPDATE ${name} SET ${counter} = ${counter} + 1 WHERE id = $1 RETURNING id`, [key]);
    this.#scene.ledger.raised(key, told);
  }
}

/** A busy machine may need more time than a write has here: then it is made once more. */
async function makeCounter(client: pg.Client, ledger: Ledger, table: Table, marker: string): Promise<string> {
  const sql = `INSERT INTO ${table.name} (${table.marker}, ${table.counter}) VALUES ($1, 0) RETURNING id`;
  for (let attempt = 1; ; attempt++) {
    const told = await tell(client, sql, [marker]);
    const key = told.kind === 'success' ? told.keys[0] : undefined;
    // Its note stays empty, and nobody but the counting changes it.
    ledger.inserted(marker, 1, told.kind === 'success' ? { kind: 'success', keys: [] } : told, '');
    if (key !== undefined) return key;
    if (attempt === 10) throw new Error(`the counters could not be made: ${JSON.stringify(told)}`);
  }
}

/** The counters of a run, made before anything is struck. */
async function makeCounters(bench: Bench, ledger: Ledger, name: string): Promise<ReadonlyMap<Table, string>> {
  const client = await bench.client();
  const counters = new Map<Table, string>();
  for (const table of tables) {
    const key = await makeCounter(client, ledger, table, `${name} counter`);
    ledger.counter(key, 0);
    counters.set(table, key);
  }
  await client.end();
  return counters;
}

/** A fault that the APIs make themselves. */
async function armApi(bench: Bench, kind: (typeof apiFaults)[number], next: Random): Promise<() => Promise<void>> {
  const api: Api = next() < 0.5 ? 'salesforce' : 'partial';
  const path = api === 'salesforce' ? '*/composite/sobjects' : '/items/*';
  const base = { path, skip: between(next, 0, 6), times: between(next, 1, 4) };
  const add = async (action: object): Promise<string> =>
    ((await bench.control(api, 'POST', 'faults', { ...base, action })) as { id: string }).id;
  switch (kind) {
    case 'cut before':
      await add({ kind: 'cut', phase: 'before' });
      break;
    case 'cut after':
      await add({ kind: 'cut', phase: 'after' });
      break;
    case 'answers too late':
      // It is applied in time.
      await add({ kind: 'delay', ms: bench.writeTimeout + 500, phase: 'after' });
      break;
    case 'answers 503':
      await add({ kind: 'respond', status: 503, body: 'Service Unavailable' });
      break;
    case 'breaks down in the middle':
      await bench.control('partial', 'PUT', 'half');
      return async () => void (await bench.control('partial', 'DELETE', 'half').catch(() => undefined));
    case 'held and late': {
      const id = await add({ kind: 'hold', phase: 'before' });
      return async () => void (await bench.control(api, 'DELETE', `faults/${id}`).catch(() => undefined));
    }
  }
  return async () => {};
}

/** Strikes at a random arrival at a random boundary, or after a random time where that many never arrive. */
async function armStrike(bench: Bench, kind: FaultKind, next: Random): Promise<() => Promise<void>> {
  const boundary = pick(next, boundaries);
  const arrival = between(next, 1, 12);
  const latest = between(next, 300, 1200);
  let arrived = 0;
  let struck: Promise<void> | null = null;
  const hit = (): Promise<void> => {
    struck ??= strike(bench, kind);
    return struck;
  };
  await bench.arm(0, [boundary], (upwrite, id) => {
    arrived += 1;
    if (arrived < arrival) bench.go(upwrite, id);
    else hit().then(() => bench.go(upwrite, 'all'));
  });
  await new Promise((resolve) => setTimeout(resolve, latest));
  return hit;
}

/** Runs it. The bench is whole again afterwards. */
export async function randomRun(bench: Bench, seed: number, run: number): Promise<RunResult> {
  const next = random(seedOf(seed, run));
  const name = `s${seed} r${run}`;
  const ledger = new Ledger();
  const before = await knownKeys(bench);
  const since = await lastEntry(bench);
  const kind = pick(next, faults);
  const further = next() < 0.5 ? pick(next, apiFaults) : null;
  const counters = await makeCounters(bench, ledger, name);
  const scene: Scene = { bench, ledger, name, counters, counting: !isLate(kind, further) };
  const letGo = further === null ? async () => {} : await armApi(bench, further, next);
  const strikeRandom = random(seedOf(seed, run) ^ 1);
  const writers = Array.from({ length: between(next, 3, 8) }, (_, i) => {
    const own = random(seedOf(seed, run) + i + 2);
    return new Writer(scene, `w${i}`, own, i % bench.upwrites.length).run(between(next, 4, 10));
  });
  const written = Promise.all(writers);
  written.catch(() => undefined);
  const hit = await armStrike(bench, kind, strikeRandom);
  await hit();
  for (const [i] of bench.upwrites.entries()) bench.go(i, 'all');
  await new Promise((resolve) => setTimeout(resolve, between(strikeRandom, 0, 600)));
  await letGo();
  await bench.recover();
  await written;
  await Promise.all((['salesforce', 'partial'] as const).map((api) => bench.control(api, 'DELETE', 'faults')));
  const told = ledger.told;
  const writes = Object.values(told).reduce((sum, count) => sum + count, 0);
  const wrong = await wrongs(bench, ledger, before, since);
  return { faults: [kind, ...(further === null ? [] : [further])], writes, told, wrong };
}

/** Whether a request may take effect after later writes of the same record. */
function isLate(kind: FaultKind, further: string | null): boolean {
  return further === 'held and late' || kind === 'cut api';
}

/** The records of a run, for whoever looks into a failure. */
export async function recordsOf(bench: Bench, seed: number, run: number): Promise<readonly unknown[]> {
  return (await seen(bench)).filter((record) => record.marker.startsWith(`s${seed} r${run} `));
}
