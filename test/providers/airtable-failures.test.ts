/** Airtable's refusals, which name no record; lost answers; iterators that end; the pace. */
import { describe, expect, it } from 'vitest';
import { airtableFaults, startAirtableSandbox } from '../../fixtures/airtable/index.js';
import { type Cursor, type Resource, type Session, silentLog } from '../../src/provider/index.js';
import { batch, crm, openAt, personal, signal, tableOf, useSandbox, valuesOf } from './airtable-session.js';

const sandbox = useSandbox();

describe('refusals', () => {
  it('several missing records among others are told by looking for them', async () => {
    const session = await openAt(sandbox().url);
    const contacts = await tableOf(session);
    const here = sandbox().save(...crm, { Name: 'here' });
    const [one, two] = ['recAAAAAAAAAAAAAA', 'recBBBBBBBBBBBBBB'] as const;
    const { outcomes } = await session.write(
      batch(contacts, 'delete', [{ key: one }, { key: here }, { key: two }]),
      signal,
    );
    expect(outcomes).toMatchObject([
      { kind: 'rejected', fault: { code: 'record_gone', detail: `Key (id)=(${one}) is not present in airtable.` } },
      { kind: 'rejected', sibling: true },
      { kind: 'rejected', fault: { code: 'record_gone', detail: `Key (id)=(${two}) is not present in airtable.` } },
    ]);
    expect(outcomes[0]).not.toHaveProperty('sibling');
    expect(
      sandbox()
        .records(...crm)
        .map((record) => record['id']),
    ).toContain(here);
  });

  it('the newer answer that does not tell a missing record from a missing permission is looked into', async () => {
    const newer = await startAirtableSandbox({
      contacts: 2,
      companies: 1,
      others: 1,
      hidesModels: true,
      rateLimits: false,
    });
    try {
      const session = await openAt(newer.url);
      const contacts = await tableOf(session);
      const [record] = newer.records(...crm);
      const key = String(record?.['id']);
      const gone = batch(contacts, 'delete', [{ key: 'recAAAAAAAAAAAAAA' }]);
      expect((await session.write(gone, signal)).outcomes).toMatchObject([{ fault: { code: 'record_gone' } }]);
      newer.faults.add({
        method: 'DELETE',
        action: {
          kind: 'respond',
          status: 403,
          body: { error: { type: 'INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND', message: 'Invalid permissions, or …' } },
        },
      });
      expect((await session.write(batch(contacts, 'delete', [{ key }]), signal)).outcomes).toMatchObject([
        {
          fault: {
            sqlstate: '42501',
            message: 'airtable denied permission for DELETE on table "caladan_crm_contacts"',
          },
        },
      ]);
    } finally {
      await newer.close();
    }
  });

  it('a base that may only be read', async () => {
    const session = await openAt(sandbox().url);
    const contacts = await tableOf(session);
    sandbox().denyWrites('Caladan CRM');
    const key = String(sandbox().records(...crm)[0]?.['id']);
    for (const [verb, row] of [
      ['insert', { values: { name: 'x' } }],
      ['update', { key, values: { name: 'x' } }],
      ['delete', { key }],
    ] as const) {
      expect((await session.write(batch(contacts, verb, [row]), signal)).outcomes).toMatchObject([
        { kind: 'rejected', fault: { sqlstate: '42501', context: expect.stringContaining('INVALID_PERMISSIONS') } },
      ]);
    }
  });

  it('a field that may not be edited', async () => {
    const session = await openAt(sandbox().url);
    const contacts = await tableOf(session);
    const notes = contacts.columns.find(({ name }) => name === 'notes');
    sandbox().denyField(notes?.field ?? '');
    const key = String(sandbox().records(...crm)[0]?.['id']);
    const { outcomes, requests } = await session.write(
      batch(contacts, 'update', [{ key, values: { notes: 'x' } }]),
      signal,
    );
    expect(outcomes).toMatchObject([
      {
        fault: { sqlstate: '42501', column: 'notes', context: expect.stringContaining('not permitted to write cell') },
      },
    ]);
    // Nothing is looked for: the words leave no doubt.
    expect(requests).toHaveLength(1);
  });

  it('a field that has gone upstream refuses a write, and a read: it is not taken for empty', async () => {
    const session = await openAt(sandbox().url);
    const contacts = await tableOf(session);
    const stray = {
      ...contacts,
      columns: contacts.columns.map((each) => (each.name === 'notes' ? { ...each, field: 'fldGone0000000000' } : each)),
    };
    const written = await session.write(batch(stray, 'insert', [{ values: { name: 'x', notes: 'y' } }]), signal);
    expect(written.outcomes).toMatchObject([
      { fault: { sqlstate: '428C9', column: 'notes', detail: 'Airtable no longer has the field of column "notes".' } },
    ]);
    await expect(session.read(stray, [String(sandbox().records(...crm)[0]?.['id'])], signal)).rejects.toThrow(
      'UNKNOWN_FIELD_NAME',
    );
  });

  it('one bad row undoes all', async () => {
    const session = await openAt(sandbox().url);
    const contacts = await tableOf(session);
    const before = sandbox().records(...crm).length;
    const rows = [{ values: { name: 'a' } }, { values: { name: 'b', status: 'Naib' } }];
    const { outcomes } = await session.write(batch(contacts, 'insert', rows), signal);
    expect(outcomes).toMatchObject([{ sibling: true }, { fault: { sqlstate: '23514', column: 'status' } }]);
    expect(sandbox().records(...crm)).toHaveLength(before);
  });
});

describe('answers that cannot be trusted', () => {
  it('a success in a form that is not Airtable’s leaves the outcome open, and nothing hangs', async () => {
    const session = await openAt(sandbox().url);
    const contacts = await tableOf(session);
    const key = String(sandbox().records(...crm)[0]?.['id']);
    const record = { id: 'recAAAAAAAAAAAAAA', createdTime: 'x', fields: {} };
    const bodies = [
      '<html>',
      '',
      [],
      {},
      { records: 5 },
      { records: [] },
      { records: [{}] },
      { records: [record, record] },
    ];
    for (const body of bodies) {
      for (const [verb, row] of [
        ['insert', { values: { name: 'x' } }],
        ['update', { key, values: { name: 'x' } }],
        ['delete', { key }],
      ] as const) {
        sandbox().faults.add({ path: `/v0/${contacts.object}`, action: { kind: 'respond', status: 200, body } });
        const { outcomes } = await session.write(batch(contacts, verb, [row]), signal);
        expect({ body, verb, outcomes }).toMatchObject({
          outcomes: [{ kind: 'unknown', fault: { sqlstate: '40003' } }],
        });
      }
    }
  });

  it.each([
    ['a gateway', airtableFaults.gateway, 'outcome_unknown'],
    ['a time-out while it was worked on', airtableFaults.serviceUnavailable, 'outcome_unknown'],
  ])('%s may hide a write that was applied', async (_, action, code) => {
    const session = await openAt(sandbox().url);
    const contacts = await tableOf(session);
    sandbox().faults.add({ method: 'POST', path: `/v0/${contacts.object}`, action });
    const { outcomes } = await session.write(batch(contacts, 'insert', [{ values: { name: 'x' } }]), signal);
    expect(outcomes).toMatchObject([{ kind: 'unknown', fault: { code } }]);
  });

  it('what Airtable calls safe to repeat is repeated', async () => {
    const session = await openAt(sandbox().url);
    const contacts = await tableOf(session);
    const at = { method: 'POST', path: `/v0/${contacts.object}` };
    sandbox().faults.add({ ...at, action: airtableFaults.restarting });
    sandbox().faults.add({ ...at, skip: 1, action: airtableFaults.retriable });
    const { outcomes, requests } = await session.write(batch(contacts, 'insert', [{ values: { name: 'x' } }]), signal);
    expect(outcomes).toMatchObject([{ kind: 'applied' }]);
    expect(requests.map(({ status }) => status)).toEqual([502, 503, 200]);
  });

  it('the month’s quota is told with a time to wait', async () => {
    const session = await openAt(sandbox().url);
    const contacts = await tableOf(session);
    sandbox().faults.add({ method: 'POST', path: `/v0/${contacts.object}`, action: airtableFaults.billingLimit });
    const { outcomes } = await session.write(batch(contacts, 'insert', [{ values: { name: 'x' } }]), signal);
    expect(outcomes).toMatchObject([
      {
        kind: 'rejected',
        fault: {
          message: 'airtable rate limit reached, retry in 600 s',
          context: expect.stringContaining('PUBLIC_API_BILLING_LIMIT_EXCEEDED'),
        },
      },
    ]);
  });
});

describe('looking for lost inserts', () => {
  it('tells twins apart, leaves out what other writes made, and does not guess', async () => {
    const session = await openAt(sandbox().url);
    const contacts = await tableOf(session);
    const twin = { values: { name: 'Twin', rating: 3 } };
    const given = batch(contacts, 'insert', [twin, twin]);
    const sentAt = Date.now();
    const { outcomes } = await session.write(given, signal);
    const keys = outcomes.map((outcome) => String(valuesOf(outcome)['id']));
    const found = await session.findInserted(given, sentAt, signal);
    expect(new Set(found.map((record) => record?.key))).toEqual(new Set(keys));
    expect(await session.findInserted(given, sentAt, signal, new Set(keys))).toEqual([null, null]);
    await expect(session.findInserted(given, sentAt, signal, new Set(keys.slice(1)))).rejects.toMatchObject({
      fault: { code: 'outcome_unknown', context: 'airtable has records like 1 of the 2 rows' },
    });
    await expect(session.findInserted(batch(contacts, 'insert', [{}]), sentAt, signal)).rejects.toMatchObject({
      fault: { code: 'outcome_unknown' },
    });
  });

  it('goes by Airtable’s clock', async () => {
    const session = await openAt(sandbox().url);
    const contacts = await tableOf(session);
    for (const ahead of [3_600_000, -7_200_000]) {
      sandbox().clock.advance(ahead);
      const given = batch(contacts, 'insert', [{ values: { name: `At ${ahead}` } }]);
      const sentAt = Date.now();
      await session.write(given, signal);
      expect((await session.findInserted(given, sentAt, signal))[0]?.values['name']).toBe(`At ${ahead}`);
    }
  });

  it('finds them however long Airtable’s time is asked for', async () => {
    let later = 0;
    const session = await openAt(sandbox().url, personal, {}, silentLog, () => Date.now() + later);
    const contacts = await tableOf(session);
    const given = batch(contacts, 'insert', [{ values: { name: 'Slowly found' } }]);
    const sentAt = Date.now();
    await session.write(given, signal);
    const asked = sandbox().faults.add({ path: '/v0/meta/whoami', action: { kind: 'hold' } });
    const looking = session.findInserted(given, sentAt, signal);
    await asked.reached;
    // What a request waits after a 429: both clocks have gone on before it is answered.
    later = 30_000;
    sandbox().clock.advance(later);
    asked.release();
    expect((await looking)[0]?.values['name']).toBe('Slowly found');
  });
});

describe('pulling', () => {
  async function firstPage(session: Session, resource: Resource, since: Cursor | null) {
    for await (const page of session.pull(resource, since, signal)) return page;
    throw new Error('there was no page');
  }

  it('begins anew when the iterator has gone, in a full listing and among changes', async () => {
    const session = await openAt(sandbox().url);
    const contacts = await tableOf(session);
    const seen = new Set<string>();
    const toEnd = async (from: Cursor | null): Promise<Cursor> => {
      let cursor = from;
      for (let pages = 0; pages < 50; pages += 1) {
        const page = await firstPage(session, contacts, cursor);
        for (const record of page.records) seen.add(record.key);
        cursor = page.next;
        if (page.last) return cursor;
        // Once in the middle: what was read before is read again, and nothing is left out.
        if (pages === 1) sandbox().forgetIterators();
      }
      throw new Error('the listing does not end');
    };
    const cursor = await toEnd(null);
    const all = sandbox()
      .records(...crm)
      .map((record) => String(record['id']));
    expect([...seen].sort()).toEqual([...all].sort());
    seen.clear();
    sandbox().clock.advance(600_000);
    for (const id of all) sandbox().save(...crm, { Notes: 'changed' }, id);
    await toEnd(cursor);
    expect([...seen].sort()).toEqual([...all].sort());
  });

  it('does not begin anew for ever', async () => {
    const session = await openAt(sandbox().url);
    const contacts = await tableOf(session);
    const page = await firstPage(session, contacts, null);
    sandbox().faults.add({ path: '*/listRecords', skip: 1, times: 'always', action: airtableFaults.iteratorGone });
    sandbox().forgetIterators();
    await expect(
      (async () => {
        let cursor: Cursor = page.next;
        for (let pages = 0; pages < 20; pages += 1) cursor = (await firstPage(session, contacts, cursor)).next;
      })(),
    ).rejects.toThrow('LIST_RECORDS_ITERATOR_NOT_AVAILABLE');
  });

  it('lists changes only, in the seconds that Airtable counts in', async () => {
    const session = await openAt(sandbox().url);
    const contacts = await tableOf(session);
    sandbox().clock.advance(600_000);
    let cursor: Cursor | null = null;
    for await (const page of session.pull(contacts, null, signal)) cursor = page.next;
    const [first] = sandbox().records(...crm);
    const changed = sandbox().save(...crm, { Notes: 'changed' }, String(first?.['id']));
    const made = sandbox().save(...crm, {});
    const keys: string[] = [];
    for await (const page of session.pull(contacts, cursor, signal)) keys.push(...page.records.map((each) => each.key));
    expect(keys.sort()).toEqual([changed, made].sort());
  });

  it('refuses a cursor that is not its own', async () => {
    const session = await openAt(sandbox().url);
    const contacts = await tableOf(session);
    for (const cursor of [{}, 'text', 5, { phase: 'full', offset: 5, from: 'now' }, { phase: 'changes', since: '"' }]) {
      expect(() => session.pull(contacts, cursor, signal)).toThrow('the cursor is not one of this provider');
    }
  });
});

describe('the pace', () => {
  it('stays within the requests that Airtable takes of a base in a second', async () => {
    const strict = await startAirtableSandbox({ contacts: 3, companies: 1, others: 1 });
    try {
      const session = await openAt(strict.url, personal, { requests_per_second: undefined });
      const contacts = await tableOf(session);
      const writes = Array.from({ length: 8 }, (_, index) =>
        session.write(batch(contacts, 'insert', [{ values: { name: `n${index}` } }], 20_000), signal),
      );
      const results = await Promise.all(writes);
      expect(results.flatMap((each) => each.outcomes.map((outcome) => outcome.kind))).toEqual(Array(8).fill('applied'));
      expect(strict.requests.list().filter((entry) => entry.status === 429)).toEqual([]);
    } finally {
      await strict.close();
    }
  });
});
