/**
 * Upwrite killed before, at and after an upsert's request, of a record that is there and of one that is not. Afterwards each value has
 * one record, the table has it as the API does, and the journal says whether it was this upsert that wrote it.
 */
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';
import { waitFor } from '../support/wait.js';
import { Bench, sharedPace } from './bench.js';
import { Ledger } from './ledger.js';
import { type PlaceName, setTrap, type Trap } from './strike.js';
import { tell } from './told.js';
import { knownKeys, lastEntry, leasesOver, settled, wrongs } from './verify.js';

let bench: Bench;

beforeAll(async () => {
  bench = await Bench.start(1, { syncInterval: '1h', pace: sharedPace });
});
afterAll(() => bench?.stop());

const upsert = `INSERT INTO salesforce.contacts (external_id, last_name, note) VALUES ($1, 'Upserted', $2)
  ON CONFLICT (external_id) DO UPDATE SET last_name = EXCLUDED.last_name, note = EXCLUDED.note RETURNING id`;

interface Upstream {
  readonly Id: string;
  readonly External_Id__c: string | null;
  readonly Note__c: string | null;
}

async function upstream(externalId: string): Promise<readonly Upstream[]> {
  const records = (await bench.control('salesforce', 'GET', 'state/Contact')) as readonly Upstream[];
  return records.filter((record) => record.External_Id__c === externalId);
}

/** Upserts have an address of their own, at which the matrix holds nothing. */
async function trapFor(place: PlaceName): Promise<Trap> {
  if (place !== 'applied upstream') return setTrap(bench, place);
  const path = '*/composite/sobjects/Contact/External_Id__c';
  const spec = { method: 'PATCH', path, times: 'always', action: { kind: 'hold', phase: 'after' } };
  const { id } = (await bench.control('salesforce', 'POST', 'faults', spec)) as { id: string };
  return {
    full: (count) =>
      waitFor(`${count} upserts at the API`, async () => {
        const faults = (await bench.control('salesforce', 'GET', 'faults')) as readonly { hits: number }[];
        return faults.reduce((sum, { hits }) => sum + hits, 0) >= count;
      }),
    release: async () => void (await bench.control('salesforce', 'DELETE', `faults/${id}`)),
  };
}

test.each<[PlaceName, string]>([
  ['journalled', 'refused'],
  ['applied upstream', 'applied'],
  ['committing', 'applied'],
])(
  'killed at %s',
  async (place, outcome) => {
    onTestFailed(() => console.log(bench.log.slice(-25).join('')));
    const [old, fresh] = [`old ${place}`, `new ${place}`];
    const setting = await bench.client();
    expect((await tell(setting, upsert, [old, 'before'])).kind).toBe('success');
    await setting.end();
    const since = await lastEntry(bench);
    const clients = [await bench.client(), await bench.client()];
    const trap = await trapFor(place);
    const told = Promise.all(clients.map((client, i) => tell(client, upsert, [[old, fresh][i], 'after'])));
    await trap.full(2);
    await bench.killUpwrite(0);
    await trap.release();
    expect((await told).map(({ kind }) => kind)).toEqual(['lost', 'lost']);
    await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
    await leasesOver(bench);
    await bench.recover();
    await settled(bench);

    const wasApplied = outcome === 'applied';
    expect((await upstream(old)).map((record) => record.Note__c)).toEqual([wasApplied ? 'after' : 'before']);
    expect((await upstream(fresh)).map((record) => record.Note__c)).toEqual(wasApplied ? ['after'] : []);
    const rows = await bench.direct(
      'SELECT id, note FROM salesforce.contacts WHERE external_id = ANY ($1) ORDER BY id',
      [[old, fresh]],
    );
    const records = [...(await upstream(old)), ...(await upstream(fresh))];
    expect(rows).toEqual(
      records.map(({ Id, Note__c }) => ({ id: Id, note: Note__c })).sort((a, b) => (a.id < b.id ? -1 : 1)),
    );
    const entries = await bench.direct('SELECT verb, state FROM upwrite.mutations WHERE id > $1', [since]);
    expect(entries).toEqual([0, 1].map(() => ({ verb: 'upsert', state: outcome })));
  },
  600_000,
);

test('nothing else differs', async () => {
  expect(await wrongs(bench, new Ledger(), await knownKeys(bench), await lastEntry(bench))).toEqual([]);
}, 600_000);
