/** What only Airtable has: its tokens, bases, iterators, refusals without a record, and the SDK under the kit's transport. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type AirtableSandbox,
  airtableFaults,
  DEFAULT_CREDENTIALS,
  startAirtableSandbox,
} from '../../fixtures/airtable/index.js';
import {
  type Batch,
  type Cursor,
  createKit,
  createRegistry,
  type KitLog,
  type Outcome,
  type Resource,
  type Session,
  silentLog,
  type Values,
  type Verb,
} from '../../src/provider/index.js';

const { clientId, clientSecret, refreshToken, personalAccessToken } = DEFAULT_CREDENTIALS;
const signal = new AbortController().signal;
const crm = ['Caladan CRM', 'Contacts'] as const;

let sandbox: AirtableSandbox;

beforeAll(async () => {
  sandbox = await startAirtableSandbox({
    contacts: 12,
    companies: 4,
    others: 2,
    pageSize: 5,
    rateLimits: false,
    shuffleResults: true,
  });
});
afterAll(() => sandbox.close());
beforeEach(() => sandbox.reset());

const personal = { kind: 'personal_access_token', token: personalAccessToken };

function oauth(over: Record<string, unknown> = {}) {
  return {
    kind: 'oauth',
    client_id: clientId,
    client_secret: clientSecret,
    refresh_token: refreshToken,
    token_url: `${sandbox.url}/oauth2/v1/token`,
    ...over,
  };
}

async function open(auth: object = personal, over: Record<string, unknown> = {}, log: KitLog = silentLog) {
  const provider = await createRegistry().load('airtable');
  const config = { auth, endpoint_url: sandbox.url, requests_per_second: 50, ...over };
  return provider.configure(config).open(createKit({ connection: 'crm', provider: 'airtable', log }));
}

async function tableOf(session: Session, name = 'caladan_crm_contacts'): Promise<Resource> {
  const found = (await session.describe(signal)).find((resource) => resource.name === name);
  if (found === undefined) throw new Error(`there is no table ${name}`);
  return found;
}

function batch(
  resource: Resource,
  verb: Verb,
  rows: readonly { key?: string; values?: Values }[],
  patience = 5000,
): Batch {
  return {
    verb,
    resource,
    rows: rows.map(({ key = null, values = {} }, index) => ({ key, values, idempotencyKey: `at-${index}` })),
    deadline: Date.now() + patience,
  };
}

function valuesOf(outcome: Outcome | undefined): Values {
  if (outcome?.kind !== 'applied') throw new Error(`it was not applied: ${JSON.stringify(outcome)}`);
  return outcome.record.values;
}

function paths(): readonly string[] {
  return sandbox.requests.list().map((entry) => `${entry.method} ${entry.path.split('?')[0]}`);
}

describe('authorisation', () => {
  it('a personal token is used as it is, and a revoked one is told', async () => {
    const session = await open();
    expect(await session.check(signal)).toMatch(/^user usr\w{14}$/);
    sandbox.revokeTokens();
    await expect(session.check(signal)).rejects.toMatchObject({ fault: { sqlstate: '58000' } });
  });

  it('refresh tokens rotate: each is used once, the next one comes with the answer', async () => {
    const session = await open(oauth());
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(Array.from({ length: 6 }, () => session.check(signal)));
      sandbox.expireTokens();
    }
    expect(paths().filter((path) => path.includes('/oauth2/'))).toHaveLength(3);
    // The first refresh token is used up: another process that still has it is refused.
    await expect((await open(oauth())).check(signal)).rejects.toMatchObject({
      fault: { code: 'credentials_refused', context: 'airtable answered invalid_grant: Invalid token' },
    });
  });

  it('an access token is renewed before it ends', async () => {
    const short = await startAirtableSandbox({ contacts: 1, companies: 1, others: 1, tokenLifetimeMs: 60_000 });
    try {
      const auth = oauth({ token_url: `${short.url}/oauth2/v1/token` });
      const session = await open(auth, { endpoint_url: short.url });
      await session.check(signal);
      await session.check(signal);
      const statuses = short.requests.list().map((entry) => `${entry.path} ${entry.status}`);
      expect(statuses.filter((entry) => entry.startsWith('/oauth2'))).toHaveLength(2);
      expect(statuses.filter((entry) => entry.endsWith('401'))).toEqual([]);
    } finally {
      await short.close();
    }
  });

  it.each<[Record<string, unknown>, string]>([
    [{ client_secret: 'wrong-client-secret' }, 'invalid_client'],
    [{ client_id: 'wrong-client-id' }, 'invalid_client'],
    [{ client_secret: undefined }, 'invalid_client'],
    [{ refresh_token: 'wrong-refresh-token' }, 'invalid_grant'],
  ])('%o is refused without showing a secret', async (over, code) => {
    const lines: string[] = [];
    const log = (fields: object, message: string): void => void lines.push(JSON.stringify(fields) + message);
    const session = await open(oauth(over), {}, { debug: log, info: log, warn: log });
    const error: unknown = await session.check(signal).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ fault: { code: 'credentials_refused', context: expect.stringContaining(code) } });
    const shown = JSON.stringify([Reflect.get(error as object, 'fault'), lines]);
    for (const secret of [clientSecret, refreshToken, 'wrong-refresh-token']) expect(shown).not.toContain(secret);
  });

  it('a token endpoint that is busy is asked again, and one that is away is an unavailable API', async () => {
    sandbox.faults.add({ path: '/oauth2/*', times: 2, action: airtableFaults.serviceUnavailable });
    const session = await open(oauth());
    expect(await session.check(signal)).toContain('user ');
    const contacts = await tableOf(session);
    const lost = await open(oauth({ token_url: 'http://127.0.0.1:1/token' }));
    const { outcomes } = await lost.write(batch(contacts, 'insert', [{ values: { name: 'x' } }], 600), signal);
    expect(outcomes).toMatchObject([{ kind: 'rejected', fault: { sqlstate: '58030' } }]);
  });
});

describe('describing', () => {
  it('asks for the bases, and once for the tables of each', async () => {
    const session = await open();
    const tables = await session.describe(signal);
    expect(tables).toHaveLength(5);
    expect(paths().filter((path) => path.endsWith('/tables'))).toHaveLength(3);
    expect(paths()).toHaveLength(4);
  });

  it('takes the bases that the configuration names, with its words', async () => {
    const warnings: unknown[] = [];
    const bases = [{ base: 'Caladan CRM', prefix: '' }, 'appNowhere000000'];
    const log = { ...silentLog, warn: (fields: object) => void warnings.push(fields) };
    const session = await open(personal, { bases }, log);
    expect((await session.describe(signal)).map((table) => table.name)).toEqual(['contacts', 'companies']);
    expect(warnings).toEqual([{ bases: ['appNowhere000000'] }]);
  });

  it('goes on without a base that may not be described', async () => {
    const { base } = sandbox.ids('Content calendar', 'Contacts');
    sandbox.faults.add({
      path: `/v0/meta/bases/${base}/tables`,
      action: { kind: 'respond', status: 404, body: { error: { type: 'NOT_FOUND' } } },
    });
    const session = await open();
    expect((await session.describe(signal)).map((table) => table.name)).not.toContain('content_calendar_posts');
  });

  it('has a version where a field tells of every change, and verbs where the base may be edited', async () => {
    const tables = new Map((await (await open()).describe(signal)).map((table) => [table.name, table]));
    expect(tables.get('caladan_crm_contacts')?.version).toBe('changed');
    expect(tables.get('caladan_crm_companies')).not.toHaveProperty('version');
    expect(tables.get('archive_old_deals')?.writes).toEqual({});
    expect(Object.keys(tables.get('content_calendar_posts')?.writes ?? {})).toEqual(['insert', 'update', 'delete']);
  });

  it('plans the request that a write makes', async () => {
    const session = await open();
    const contacts = await tableOf(session);
    const plan = session.plan('insert', contacts, 2);
    sandbox.requests.clear();
    const { requests } = await session.write(batch(contacts, 'insert', [{ values: { name: 'x' } }]), signal);
    expect(requests).toMatchObject([{ method: plan.method, path: plan.path, status: 200 }]);
    expect(paths()).toEqual([`${plan.method} ${plan.path}`]);
  });
});

describe('records of a write', () => {
  it('hold everything that Airtable answered: computed fields too, and empty ones as NULL', async () => {
    const session = await open();
    const contacts = await tableOf(session);
    const company = String(sandbox.records('Caladan CRM', 'Companies')[0]?.['id']);
    const values = { name: 'Chani', company: [company], subscribed: null, owner: { email: 'duncan@sandbox.example' } };
    const { outcomes } = await session.write(batch(contacts, 'insert', [{ values }]), signal);
    const record = valuesOf(outcomes[0]);
    expect(record).toMatchObject({
      name: 'Chani',
      company: [company],
      subscribed: false,
      owner: { email: 'duncan@sandbox.example', name: 'Duncan Idaho' },
      label: 'Chani <>',
      budget_per_point: null,
      no: 13,
      notes: null,
      open: { label: 'Open' },
      summary: { state: 'empty' },
    });
    expect(record['created_time']).toBe(record['created']);
    expect(Object.keys(record).sort()).toEqual(contacts.columns.map((column) => column.name).sort());
    const [read] = await session.read(contacts, [String(record['id'])], signal);
    expect(read?.values).toEqual(record);
  });

  it('an update leaves what it does not name, and matches its results by id', async () => {
    const session = await open();
    const contacts = await tableOf(session);
    const keys = ['a', 'b', 'c'].map((name) => sandbox.save(...crm, { Name: name, Notes: `notes of ${name}` }));
    const rows = keys.map((key, index) => ({ key, values: { name: `new ${index}` } }));
    const { outcomes } = await session.write(batch(contacts, 'update', rows), signal);
    expect(outcomes.map((outcome) => valuesOf(outcome)['notes'])).toEqual(
      ['a', 'b', 'c'].map((name) => `notes of ${name}`),
    );
    expect(outcomes.map((outcome) => valuesOf(outcome)['name'])).toEqual(['new 0', 'new 1', 'new 2']);
  });

  it('keeps files that are there and adds others', async () => {
    const session = await open();
    const contacts = await tableOf(session);
    const url = 'https://files.example/plan.png';
    const made = await session.write(batch(contacts, 'insert', [{ values: { name: 'x', files: [{ url }] } }]), signal);
    const { id, files } = valuesOf(made.outcomes[0]);
    if (!Array.isArray(files)) throw new Error('no files');
    const values = { files: [...files, { url, filename: 'copy.png' }] };
    const changed = await session.write(batch(contacts, 'update', [{ key: String(id), values }]), signal);
    expect(valuesOf(changed.outcomes[0])['files']).toMatchObject([{ filename: 'plan.png' }, { filename: 'copy.png' }]);
    const kept = valuesOf(changed.outcomes[0])['files'];
    expect(Array.isArray(kept) && kept[0]).toEqual(files[0]);
  });
});

describe('refusals', () => {
  it('several missing records among others are told by looking for them', async () => {
    const session = await open();
    const contacts = await tableOf(session);
    const here = sandbox.save(...crm, { Name: 'here' });
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
    expect(sandbox.records(...crm).map((record) => record['id'])).toContain(here);
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
      const session = await open(personal, { endpoint_url: newer.url });
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
    const session = await open();
    const contacts = await tableOf(session);
    sandbox.denyWrites('Caladan CRM');
    const key = String(sandbox.records(...crm)[0]?.['id']);
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

  it('a field that has gone upstream refuses a write, and a read: it is not taken for empty', async () => {
    const session = await open();
    const contacts = await tableOf(session);
    const stray = {
      ...contacts,
      columns: contacts.columns.map((each) => (each.name === 'notes' ? { ...each, field: 'fldGone0000000000' } : each)),
    };
    const written = await session.write(batch(stray, 'insert', [{ values: { name: 'x', notes: 'y' } }]), signal);
    expect(written.outcomes).toMatchObject([
      { fault: { sqlstate: '428C9', column: 'notes', detail: 'Airtable no longer has the field of column "notes".' } },
    ]);
    await expect(session.read(stray, [String(sandbox.records(...crm)[0]?.['id'])], signal)).rejects.toThrow(
      'UNKNOWN_FIELD_NAME',
    );
  });

  it('one bad row undoes all', async () => {
    const session = await open();
    const contacts = await tableOf(session);
    const before = sandbox.records(...crm).length;
    const rows = [{ values: { name: 'a' } }, { values: { name: 'b', status: 'Naib' } }];
    const { outcomes } = await session.write(batch(contacts, 'insert', rows), signal);
    expect(outcomes).toMatchObject([{ sibling: true }, { fault: { sqlstate: '23514', column: 'status' } }]);
    expect(sandbox.records(...crm)).toHaveLength(before);
  });
});

describe('answers that cannot be trusted', () => {
  it('a success in a form that is not Airtable’s leaves the outcome open, and nothing hangs', async () => {
    const session = await open();
    const contacts = await tableOf(session);
    const key = String(sandbox.records(...crm)[0]?.['id']);
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
        sandbox.faults.add({ path: `/v0/${contacts.object}`, action: { kind: 'respond', status: 200, body } });
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
    const session = await open();
    const contacts = await tableOf(session);
    sandbox.faults.add({ method: 'POST', path: `/v0/${contacts.object}`, action });
    const { outcomes } = await session.write(batch(contacts, 'insert', [{ values: { name: 'x' } }]), signal);
    expect(outcomes).toMatchObject([{ kind: 'unknown', fault: { code } }]);
  });

  it('the month’s quota is told with a time to wait', async () => {
    const session = await open();
    const contacts = await tableOf(session);
    sandbox.faults.add({ method: 'POST', path: `/v0/${contacts.object}`, action: airtableFaults.billingLimit });
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
    const session = await open();
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
    const session = await open();
    const contacts = await tableOf(session);
    for (const ahead of [3_600_000, -7_200_000]) {
      sandbox.clock.advance(ahead);
      const given = batch(contacts, 'insert', [{ values: { name: `At ${ahead}` } }]);
      const sentAt = Date.now();
      await session.write(given, signal);
      expect((await session.findInserted(given, sentAt, signal))[0]?.values['name']).toBe(`At ${ahead}`);
    }
  });
});

describe('pulling', () => {
  async function firstPage(session: Session, resource: Resource, since: Cursor | null) {
    for await (const page of session.pull(resource, since, signal)) return page;
    throw new Error('there was no page');
  }

  it('begins anew when the iterator has gone, in a full listing and among changes', async () => {
    const session = await open();
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
        if (pages === 1) sandbox.forgetIterators();
      }
      throw new Error('the listing does not end');
    };
    const cursor = await toEnd(null);
    const all = sandbox.records(...crm).map((record) => String(record['id']));
    expect([...seen].sort()).toEqual([...all].sort());
    seen.clear();
    sandbox.clock.advance(600_000);
    for (const id of all) sandbox.save(...crm, { Notes: 'changed' }, id);
    await toEnd(cursor);
    expect([...seen].sort()).toEqual([...all].sort());
  });

  it('does not begin anew for ever', async () => {
    const session = await open();
    const contacts = await tableOf(session);
    const page = await firstPage(session, contacts, null);
    sandbox.faults.add({ path: '*/listRecords', skip: 1, times: 'always', action: airtableFaults.iteratorGone });
    sandbox.forgetIterators();
    await expect(
      (async () => {
        let cursor: Cursor = page.next;
        for (let pages = 0; pages < 20; pages += 1) cursor = (await firstPage(session, contacts, cursor)).next;
      })(),
    ).rejects.toThrow('LIST_RECORDS_ITERATOR_NOT_AVAILABLE');
  });

  it('lists changes only, in the seconds that Airtable counts in', async () => {
    const session = await open();
    const contacts = await tableOf(session);
    sandbox.clock.advance(600_000);
    let cursor: Cursor | null = null;
    for await (const page of session.pull(contacts, null, signal)) cursor = page.next;
    const [first] = sandbox.records(...crm);
    const changed = sandbox.save(...crm, { Notes: 'changed' }, String(first?.['id']));
    const made = sandbox.save(...crm, {});
    const keys: string[] = [];
    for await (const page of session.pull(contacts, cursor, signal)) keys.push(...page.records.map((each) => each.key));
    expect(keys.sort()).toEqual([changed, made].sort());
  });

  it('refuses a cursor that is not its own', async () => {
    const session = await open();
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
      const session = await open(personal, { endpoint_url: strict.url, requests_per_second: undefined });
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
