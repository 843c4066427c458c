/**
 * The matrix: every fault at every place of a write, for insert, update and delete, for an API that takes all rows or
 * none and for one that takes some. Six writes at once are held at the place and struck together. That nothing was lost,
 * doubled or told untruly is looked at when everything runs again and the journal has come to rest.
 */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFailed, test } from 'vitest';
import { waitFor } from '../support/wait.js';
import { Bench, sharedPace } from './bench.js';
import { gone, Ledger } from './ledger.js';
import { refusedName } from './partial-api.js';
import { type FaultKind, type PlaceName, places, setTrap, strike } from './strike.js';
import { type Told, tell } from './told.js';
import { knownKeys, lastEntry, leasesOver, settled, wrongs } from './verify.js';

/** Milliseconds for a test: everything that it waits for has a limit of its own. */
const timeout = 600_000;

/** Records for one strike to change. */
interface Scene {
  readonly marker: string;
  readonly contacts: { readonly update: readonly string[]; readonly delete: readonly string[] };
  readonly items: { readonly update: readonly string[]; readonly delete: readonly string[] };
}

async function connected(bench: Bench): Promise<pg.Client> {
  let client: pg.Client | undefined;
  const takesClients = async (): Promise<boolean> => {
    try {
      client = await bench.client();
      await client.query('SELECT 1');
      return true;
    } catch {
      return false;
    }
  };
  await waitFor('Upwrite to take clients', takesClients, 60_000);
  if (client === undefined) throw new Error('no client');
  return client;
}

async function sceneFor(bench: Bench, ledger: Ledger, marker: string): Promise<Scene> {
  const client = await connected(bench);
  const made = async (table: string, column: string): Promise<readonly string[]> => {
    const old = `${marker} old`;
    const sql = `INSERT INTO ${table} (${column}, note) VALUES ($1, 'old'), ($1, 'old'), ($1, 'old'), ($1, 'old') RETURNING id`;
    const told = await tell(client, sql, [old]);
    if (told.kind !== 'success') throw new Error(`the scene could not be set: ${JSON.stringify(told)}`);
    ledger.inserted(old, 4, told, 'old');
    return told.keys;
  };
  const contacts = await made('salesforce.contacts', 'last_name');
  const items = await made('partial.items', 'name');
  await client.end();
  return {
    marker,
    contacts: { update: contacts.slice(0, 2), delete: contacts.slice(2) },
    items: { update: items.slice(0, 2), delete: items.slice(2) },
  };
}

/** The six writes; each notes what it was told. */
function writes(scene: Scene, ledger: Ledger): readonly ((client: pg.Client) => Promise<Told>)[] {
  const { marker, contacts, items } = scene;
  const insert = (sql: string, parameters: readonly unknown[]) => async (client: pg.Client) => {
    const told = await tell(client, sql, parameters);
    ledger.inserted(marker, 2, told, 'new');
    return told;
  };
  const change = (keys: readonly string[], to: string | typeof gone, sql: string) => async (client: pg.Client) => {
    const told = await tell(client, sql, [keys]);
    ledger.changed(keys, to, told);
    return told;
  };
  const refused = items.update[1] ?? '';
  return [
    insert(`INSERT INTO salesforce.contacts (last_name, note) VALUES ($1, 'new'), ($1, 'new') RETURNING id`, [marker]),
    insert(`INSERT INTO partial.items (name, note) VALUES ($1, 'new'), ($2, 'new'), ($1, 'new') RETURNING id`, [
      marker,
      `${refusedName} ${marker}`,
    ]),
    change(contacts.update, 'new', `UPDATE salesforce.contacts SET note = 'new' WHERE id = ANY ($1) RETURNING id`),
    change(
      items.update,
      'new',
      `UPDATE partial.items SET note = 'new', name = CASE id WHEN '${refused}' THEN '${refusedName}' ELSE name END
       WHERE id = ANY ($1) RETURNING id`,
    ),
    change(contacts.delete, gone, 'DELETE FROM salesforce.contacts WHERE id = ANY ($1) RETURNING id'),
    change(items.delete, gone, 'DELETE FROM partial.items WHERE id = ANY ($1) RETURNING id'),
  ];
}

const early: readonly PlaceName[] = ['evaluated', 'journalled'];
const sent: readonly PlaceName[] = ['mid-request', 'applied in part', 'applied upstream'];

/** What the six clients may be told; that it is true is another matter. */
function allowed(fault: FaultKind, place: PlaceName): readonly Told['kind'][] {
  // What was refused in part has been answered before the end of a write is reached.
  const done: readonly Told['kind'][] = place === 'committed' ? ['partial'] : [];
  switch (fault) {
    case 'kill upwrite':
    case 'cut client':
      return ['lost', ...done];
    case 'kill postgres':
      // Its sessions outlive the postmaster for a moment, and may carry an answer yet.
      return early.includes(place) ? ['lost', 'refused', 'unknown'] : ['lost', 'unknown', 'success', 'partial'];
    case 'cut postgres':
      return early.includes(place) ? ['lost', 'refused'] : ['lost', 'unknown', ...done];
    case 'kill api':
    case 'cut api':
      if (early.includes(place)) return ['refused', 'unknown'];
      return sent.includes(place) ? ['unknown'] : ['success', 'partial'];
  }
}

/** The commit's answer is lost: what is sent arrives, and the connection ends when it has taken effect. */
async function loseAnswer(bench: Bench, release: () => Promise<void>, since: string): Promise<void> {
  bench.upwrites[0]?.database.muffle();
  await release();
  await waitFor('the six commits', async () => {
    const rows = await bench.direct(
      `SELECT id FROM upwrite.mutations WHERE id > $1 AND state IN ('applied', 'partial')`,
      [since],
    );
    return rows.length === 6;
  });
  await strike(bench, 'cut postgres');
}

/** Declares the tests of these faults. */
export function testMatrix(faults: readonly FaultKind[]): void {
  let bench: Bench;
  const ledger = new Ledger();
  let before: ReadonlySet<string>;

  beforeAll(async () => {
    // The sync's locks would come between writes that are held; it has its turn at the end.
    bench = await Bench.start(1, { syncInterval: '1h', pace: sharedPace });
    before = await knownKeys(bench);
  });
  afterAll(() => bench?.stop());

  describe.each(faults)('%s', (fault) => {
    // Losing the answer of a commit is for the network to the database only.
    const at = places.filter((place) => place !== 'answer of the commit' || fault === 'cut postgres');
    test.each(at)('%s', { timeout }, async (place) => {
      onTestFailed(() => console.log(bench.log.slice(-25).join('')));
      const scene = await sceneFor(bench, ledger, `${fault} ${place}`);
      const since = await lastEntry(bench);
      const clients = await Promise.all(writes(scene, ledger).map(() => bench.client()));
      const trap = await setTrap(bench, place);
      const answers = writes(scene, ledger).map((write, i) => {
        const client = clients[i];
        return client === undefined ? Promise.reject(new Error('no client')) : write(client);
      });
      const told = Promise.all(answers);
      try {
        await trap.full(place === 'committed' ? 4 : 6);
        // The two that are refused in part do not come to this place: they may be on their way to the API still.
        if (place === 'committed') await Promise.all([answers[1], answers[3]]);
        if (place === 'answer of the commit') await loseAnswer(bench, trap.release, since);
        else {
          await strike(bench, fault);
          await trap.release();
        }
        for (const each of await told) expect(allowed(fault, place), JSON.stringify(each)).toContain(each.kind);
      } finally {
        await bench.recover();
        await trap.release();
        await told;
      }
      await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
    });
  });

  test('nothing is lost, doubled or untrue', { timeout }, async () => {
    onTestFailed(() => console.log(bench.log.slice(-50).join('')));
    await settled(bench);
    await bench.killUpwrite(0);
    await leasesOver(bench);
    await bench.recover();
    await bench.wakeSync();
    expect(await wrongs(bench, ledger, before, '0')).toEqual([]);
  });
}
