/** HubSpot's list, search and archive, and records that were perhaps made, against the project's sandbox. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type HubspotSandbox, startHubspotSandbox } from '../../../fixtures/hubspot/index.js';
import { number, text } from '../../../fixtures/hubspot/schema/property.js';
import type { Resource } from '../../../src/provider/index.js';
import {
  batch,
  codes,
  deletionsIn,
  endOf,
  idsIn,
  open,
  paths,
  pullAll,
  signal,
  sizes,
  tableOf,
  write,
} from './support.js';

let sandbox: HubspotSandbox;

beforeAll(async () => {
  sandbox = await startHubspotSandbox(sizes);
});
afterAll(() => sandbox.close());
beforeEach(() => sandbox.reset());

describe('pull', () => {
  it('goes through more records of one time than a page holds', async () => {
    const small = await startHubspotSandbox({ ...sizes, contacts: 0, searchPage: 10, listPage: 10 });
    try {
      const session = await open(small, { config: { objects: ['contacts'], associations: 'none' } });
      const contacts = await tableOf(session, 'contacts');
      const cursor = endOf(await pullAll(session, contacts, null));
      for (let n = 0; n < 64; n += 1) small.upsert('contacts', { firstname: `n${n}` });
      const pages = await pullAll(session, contacts, cursor);
      expect(new Set(idsIn(pages))).toEqual(new Set(small.records('contacts').map(({ id }) => id)));
      expect(pages.length).toBeLessThan(30);
      const searches = small.requests.list().filter(({ path }) => path.endsWith('/search'));
      expect(searches.length).toBeLessThan(30);
    } finally {
      await small.close();
    }
  });

  it('finds what the index shows late', async () => {
    const slow = await startHubspotSandbox({ ...sizes, searchLagMs: 30_000 });
    try {
      const session = await open(slow, { config: { objects: ['contacts'], associations: 'none' } });
      const contacts = await tableOf(session, 'contacts');
      let cursor = endOf(await pullAll(session, contacts, null));
      const made = slow.upsert('contacts', { email: 'late@example.com' });
      slow.clock.advance(5000);
      const early = await pullAll(session, contacts, cursor);
      expect(idsIn(early)).not.toContain(made);
      cursor = endOf(early);
      slow.clock.advance(31_000);
      expect(idsIn(await pullAll(session, contacts, cursor))).toContain(made);
    } finally {
      await slow.close();
    }
  });

  it('goes on behind a page of records that were archived a moment ago', async () => {
    const slow = await startHubspotSandbox({ ...sizes, contacts: 0, searchLagMs: 30_000, searchPage: 5 });
    try {
      const session = await open(slow, { config: { objects: ['contacts'], associations: 'none' } });
      const contacts = await tableOf(session, 'contacts');
      const cursor = endOf(await pullAll(session, contacts, null));
      const gone = Array.from({ length: 5 }, (_, n) => slow.upsert('contacts', { firstname: `gone${n}` }));
      slow.clock.advance(1000);
      const stays = Array.from({ length: 3 }, (_, n) => slow.upsert('contacts', { firstname: `stays${n}` }));
      slow.clock.advance(30_500);
      for (const id of gone) slow.archive('contacts', id);
      const pages = await pullAll(session, contacts, cursor);
      expect([...idsIn(pages)].sort()).toEqual([...stays].sort());
      expect([...deletionsIn(pages)].sort()).toEqual([...gone].sort());
    } finally {
      await slow.close();
    }
  });

  it('lists deletions since the last look, and merged records', async () => {
    const session = await open(sandbox);
    const contacts = await tableOf(session, 'contacts');
    const [one = '', two = '', three = '', four = ''] = sandbox.records('contacts').map(({ id }) => String(id));
    let cursor = endOf(await pullAll(session, contacts, null));
    sandbox.archive('contacts', one);
    sandbox.merge('contacts', two, three);
    const pages = await pullAll(session, contacts, cursor);
    expect(new Set(deletionsIn(pages))).toEqual(new Set([one, three]));
    expect(idsIn(pages)).toContain(two);
    sandbox.clock.advance(600_000);
    cursor = endOf(await pullAll(session, contacts, endOf(pages)));
    sandbox.archive('contacts', four);
    expect(deletionsIn(await pullAll(session, contacts, cursor))).toEqual([four]);
    sandbox.restore('contacts', one);
    const back = await pullAll(session, contacts, endOf(pages));
    expect(idsIn(back)).toContain(one);
  });

  it('looks at a long archive less often', async () => {
    const small = await startHubspotSandbox({ ...sizes, contacts: 40, listPage: 10 });
    try {
      const session = await open(small, { config: { objects: ['contacts'], associations: 'none' } });
      const contacts = await tableOf(session, 'contacts');
      let cursor = endOf(await pullAll(session, contacts, null));
      const [last = '', ...others] = small.records('contacts').map(({ id }) => String(id));
      for (const id of others.slice(0, 35)) small.archive('contacts', id);
      const first = await pullAll(session, contacts, cursor);
      expect(new Set(deletionsIn(first))).toEqual(new Set(others.slice(0, 35)));
      cursor = endOf(first);
      small.archive('contacts', last);
      const soon = await pullAll(session, contacts, cursor);
      expect(deletionsIn(soon)).toEqual([]);
      small.clock.advance(31_000);
      expect(deletionsIn(await pullAll(session, contacts, endOf(soon)))).toContain(last);
    } finally {
      await small.close();
    }
  });

  it('reads wide tables by id, since their names do not fit an address', async () => {
    const session = await open(sandbox);
    const contacts = await tableOf(session, 'contacts');
    const [first] = contacts.columns;
    const wide: Resource = {
      ...contacts,
      columns: [
        ...contacts.columns,
        ...Array.from({ length: 300 }, (_, n) => ({
          ...(first ?? { nullable: true, insertable: false, updatable: false, type: 'text' as const }),
          name: `a_long_name_of_a_column_${n}`,
          field: `a_long_name_of_a_property_${n}`,
        })),
      ],
    };
    sandbox.requests.clear();
    const [page] = await pullAll(session, wide, null);
    expect(page?.records[0]?.values).toMatchObject({ email: sandbox.records('contacts')[0]?.['email'] });
    expect(paths(sandbox)).toContain('POST /crm/v3/objects/contacts/batch/read');
    expect(sandbox.requests.list().every((entry) => entry.path.length < 8000)).toBe(true);
  });

  it('asks the search for ids where the names of all properties would make the request too long', async () => {
    const small = await startHubspotSandbox({ ...sizes, contacts: 0, searchPage: 5 });
    try {
      const session = await open(small, { config: { objects: ['contacts'], associations: 'none' } });
      const contacts = await tableOf(session, 'contacts');
      const [first] = contacts.columns;
      const padding = Array.from({ length: 200 }, (_, n) => ({
        ...(first ?? { nullable: true, insertable: false, updatable: false, type: 'text' as const }),
        name: `padding_${n}`,
        field: `padding_property_${n}`,
      }));
      const wide: Resource = { ...contacts, columns: [...contacts.columns, ...padding] };
      const cursor = endOf(await pullAll(session, wide, null));
      const made = Array.from({ length: 12 }, (_, n) => small.upsert('contacts', { firstname: `n${n}`, city: 'Rio' }));
      const [into = '', other = '', gone = ''] = made;
      small.merge('contacts', into, other);
      small.archive('contacts', gone);
      small.requests.clear();
      const pages = await pullAll(session, wide, cursor);
      const records = pages.flatMap((page) => page.records);
      expect(new Set(records.map(({ key }) => key))).toEqual(new Set(made.filter((id) => id !== other && id !== gone)));
      expect(records.every(({ values }) => values['city'] === 'Rio')).toBe(true);
      expect(new Set(deletionsIn(pages))).toEqual(new Set([other, gone]));
      const searches = small.requests.list().filter(({ path }) => path.endsWith('/search'));
      expect(searches.map(({ status }) => status)).toEqual(searches.map(() => 200));
      expect(paths(small)).toContain('POST /crm/v3/objects/contacts/batch/read');
      // A look that finds nothing costs no further request.
      small.requests.clear();
      small.clock.advance(600_000);
      await pullAll(session, wide, endOf(await pullAll(session, wide, endOf(pages))));
      small.requests.clear();
      await pullAll(session, wide, { phase: 'settled', at: small.clock.now(), archivedFrom: 0, archiveDue: 8e15 });
      expect(paths(small)).toEqual(['POST /crm/v3/objects/contacts/search']);
    } finally {
      await small.close();
    }
  });

  it('has NULL for a value of before its property became a number, and says so', async () => {
    const lines: Readonly<Record<string, unknown>>[] = [];
    const warn = (fields: Readonly<Record<string, unknown>>): void => void lines.push(fields);
    const session = await open(sandbox, { log: { debug: () => {}, info: () => {}, warn } });
    sandbox.changeProperty('contacts', 'budget', text('budget', 'Budget', { custom: true }));
    const odd = sandbox.upsert('contacts', { email: 'odd@example.com', budget: 'about a million' });
    const good = sandbox.upsert('contacts', { email: 'good@example.com', budget: '1e6' });
    sandbox.changeProperty('contacts', 'budget', number('budget', 'Budget', { custom: true }));
    const contacts = await tableOf(session, 'contacts');
    expect(contacts.columns.find((column) => column.name === 'budget')).toMatchObject({ type: 'numeric' });
    const records = (await pullAll(session, contacts, null)).flatMap((page) => page.records);
    const oddOne = records.find(({ key }) => key === odd);
    expect(oddOne).toMatchObject({ values: { email: 'odd@example.com', budget: null }, unfit: ['budget'] });
    const goodOne = records.find(({ key }) => key === good);
    expect(goodOne?.values['budget']).toBe('1000000');
    expect(goodOne?.unfit).toBeUndefined();
    expect(lines).toEqual([
      { table: 'contacts', column: 'budget', field: 'budget', type: 'numeric', key: odd, count: 1 },
    ]);
    // It can be put right with SQL's UPDATE, as any other value.
    const rows = [{ key: odd, values: { budget: '5' } }];
    expect(await write(session, contacts, 'update', rows)).toMatchObject([
      { kind: 'applied', record: { values: { budget: '5' } } },
    ]);
  });

  it('takes no cursor of another making', async () => {
    const session = await open(sandbox);
    const contacts = await tableOf(session, 'contacts');
    await expect(pullAll(session, contacts, { phase: 'changes', at: 'x' })).rejects.toThrow('not one of this provider');
  });
});

describe('findInserted', () => {
  it('is sure at once by a unique value, and waits for the index without one', async () => {
    let ahead = 0;
    const session = await open(sandbox, { now: () => Date.now() + ahead });
    const deals = await tableOf(session, 'deals');
    const cut = { method: 'POST', path: '/crm/v3/objects/*', action: { kind: 'cut', phase: 'before' } } as const;
    const rows = [{ values: { dealname: 'Lost' } }];
    sandbox.faults.add(cut);
    const sentAt = Date.now();
    expect(codes(await write(session, deals, 'insert', rows))).toEqual(['outcome_unknown']);
    const ask = () => session.findInserted(batch(deals, 'insert', rows), sentAt, signal);
    await expect(ask()).rejects.toMatchObject({ fault: { code: 'outcome_unknown', retry: 'settle' } });
    ahead = 121_000;
    expect(await ask()).toEqual([null]);
    const made = sandbox.upsert('deals', { dealname: 'Lost' });
    expect(await ask()).toMatchObject([{ key: made }]);
  });

  it('does not take an older record for the one that was sent', async () => {
    const session = await open(sandbox);
    const contacts = await tableOf(session, 'contacts');
    const rows = [{ values: { email: String(sandbox.records('contacts')[0]?.['email']) } }];
    expect(await session.findInserted(batch(contacts, 'insert', rows), Date.now(), signal)).toEqual([null]);
  });
});
