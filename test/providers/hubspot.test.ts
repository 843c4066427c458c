/** What only HubSpot has: its tokens, limits, batches, search and associations, against the project's sandbox. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  DEFAULT_CREDENTIALS,
  type HubspotSandbox,
  type HubspotSandboxOptions,
  hubspotFaults,
  startHubspotSandbox,
} from '../../fixtures/hubspot/index.js';
import {
  type Batch,
  type Cursor,
  createKit,
  createRegistry,
  type KitLog,
  type Outcome,
  type Page,
  type Resource,
  type Session,
  silentLog,
  type Values,
  type Verb,
} from '../../src/provider/index.js';

const { clientId, clientSecret, refreshToken, privateAppToken } = DEFAULT_CREDENTIALS;
const signal = new AbortController().signal;
const sizes: HubspotSandboxOptions = {
  contacts: 6,
  companies: 3,
  others: 3,
  searchesPerSecond: 1000,
  requestsPerTenSeconds: 10_000,
};

let sandbox: HubspotSandbox;

beforeAll(async () => {
  sandbox = await startHubspotSandbox(sizes);
});
afterAll(() => sandbox.close());
beforeEach(() => sandbox.reset());

const oauth = { kind: 'oauth', client_id: clientId, client_secret: clientSecret, refresh_token: refreshToken };
const privateApp = { kind: 'private_app', access_token: privateAppToken };

interface Opening {
  readonly auth?: Record<string, string>;
  readonly config?: Record<string, unknown>;
  readonly log?: KitLog;
  readonly now?: () => number;
  readonly at?: HubspotSandbox;
}

async function open({ auth = oauth, config = {}, log = silentLog, now = Date.now, at = sandbox }: Opening = {}) {
  const provider = await createRegistry().load('hubspot');
  const kit = createKit({ connection: 'crm', provider: 'hubspot', log, now });
  return provider.configure({ auth, base_url: at.url, ...config }).open(kit);
}

async function tableOf(session: Session, name: string): Promise<Resource> {
  const found = (await session.describe(signal)).find((resource) => resource.name === name);
  if (found === undefined) throw new Error(`there is no table ${name}`);
  return found;
}

type Row = { readonly key?: string; readonly values?: Values };

function batch(resource: Resource, verb: Verb, rows: readonly Row[], patience = 5000): Batch {
  return {
    verb,
    resource,
    rows: rows.map(({ key = null, values = {} }, index) => ({ key, values, idempotencyKey: `hs-${index}` })),
    deadline: Date.now() + patience,
  };
}

async function write(session: Session, resource: Resource, verb: Verb, rows: readonly Row[], patience = 5000) {
  return (await session.write(batch(resource, verb, rows, patience), signal)).outcomes;
}

function codes(outcomes: readonly Outcome[]): readonly string[] {
  return outcomes.map((outcome) => (outcome.kind === 'applied' ? 'applied' : outcome.fault.code));
}

function keyOf(outcome: Outcome | undefined): string {
  if (outcome?.kind !== 'applied') throw new Error(`not applied: ${outcome?.fault.detail}`);
  return outcome.record.key;
}

async function pullAll(session: Session, resource: Resource, since: Cursor | null): Promise<readonly Page[]> {
  const pages: Page[] = [];
  for await (const page of session.pull(resource, since, signal)) pages.push(page);
  return pages;
}

function endOf(pages: readonly Page[]): Cursor {
  return pages.at(-1)?.next ?? null;
}

function idsIn(pages: readonly Page[]): readonly string[] {
  return pages.flatMap((page) => page.records.map((record) => record.key));
}

function deletionsIn(pages: readonly Page[]): readonly string[] {
  return pages.flatMap((page) => page.deletions);
}

function paths(): readonly string[] {
  return sandbox.requests.list().map(({ method, path }) => `${method} ${path.split('?')[0]}`);
}

describe('authorisation', () => {
  it.each([
    ['oauth', oauth],
    ['private_app', privateApp],
  ])('%s', async (_, auth) => {
    const session = await open({ auth });
    expect(await session.check(signal)).toBe('HubSpot account 44801234 (standard) in na1');
  });

  it('renews a token before it expires, once for all', async () => {
    let ahead = 0;
    const session = await open({ now: () => Date.now() + ahead });
    await session.check(signal);
    await session.check(signal);
    // Half an hour less a little: HubSpot would still take the token.
    ahead = 30 * 60_000 - 30_000;
    await Promise.all([session.check(signal), session.check(signal), session.check(signal)]);
    expect(paths().filter((path) => path.endsWith('/oauth/v1/token'))).toHaveLength(2);
    expect(sandbox.requests.list().every((entry) => entry.status === 200)).toBe(true);
  });

  it('does not renew the token of a private app', async () => {
    const session = await open({ auth: { ...privateApp, access_token: 'pat-na1-revoked-0000' } });
    await expect(session.check(signal)).rejects.toMatchObject({
      fault: {
        code: 'credentials_refused',
        context: expect.stringMatching(/^hubspot answered INVALID_AUTHENTICATION/),
      },
    });
    expect(paths()).toHaveLength(1);
  });

  it('shows no secret, whatever goes wrong', async () => {
    const lines: string[] = [];
    const keep = (fields: unknown, message: string): void => void lines.push(JSON.stringify([fields, message]));
    const log: KitLog = { debug: keep, info: keep, warn: keep };
    const session = await open({ log });
    const contacts = await tableOf(session, 'contacts');
    sandbox.faults.add({
      path: '/crm/*',
      times: 1,
      action: { kind: 'respond', status: 400, body: { message: `no ${clientSecret} ${refreshToken}` } },
    });
    const outcomes = await write(session, contacts, 'insert', [{ values: { email: 'a@example.com' } }]);
    const refused = await (await open({ auth: { ...oauth, client_secret: 'wrong-secret-value' }, log }))
      .check(signal)
      .catch((error: unknown) => error);
    const shown = `${lines.join()}${JSON.stringify(outcomes)}${JSON.stringify(refused)}`;
    for (const secret of [clientSecret, refreshToken, 'wrong-secret-value']) expect(shown).not.toContain(secret);
    expect(shown).toContain('missing or invalid client secret');
  });
});

describe('describe', () => {
  it('reads the account, custom objects and labels', async () => {
    const session = await open();
    const shipments = await tableOf(session, 'shipments');
    expect(shipments).toMatchObject({ object: '2-18401752', comment: 'Shipments', version: 'hs_lastmodifieddate' });
    const column = (name: string) => shipments.columns.find((each) => each.name === name);
    expect(column('tracking_number')).toMatchObject({ required: true, upsertKey: true, type: 'text' });
    expect(column('insured')).toMatchObject({ type: 'boolean' });
    const pair = await tableOf(session, 'contacts_companies');
    expect(pair.columns.map(({ name }) => name)).toEqual([
      'id',
      'contact_id',
      'company_id',
      'primary',
      'billing_contact',
    ]);
    expect(Object.keys(pair.writes).sort()).toEqual(['delete', 'insert']);
  });

  it('leaves out what the app may not see, and says so', async () => {
    const lines: string[] = [];
    const log: KitLog = { ...silentLog, warn: (fields) => void lines.push(JSON.stringify(fields)) };
    for (const scope of ['products.read', 'custom.read']) sandbox.policy.missingScopes.add(scope);
    const names = (await (await open({ log })).describe(signal)).map(({ name }) => name);
    expect(names).not.toContain('products');
    expect(names).not.toContain('shipments');
    expect(names).toContain('contacts');
    expect(lines.join()).toContain('products');
  });

  it('describes what is named', async () => {
    const config = { objects: ['shipment', 'contacts'], associations: ['shipment/contacts', 'contacts/deals'] };
    const found = await (await open({ config })).describe(signal);
    expect(found.map(({ name }) => name)).toEqual(['contacts', 'shipments']);
    const byId = { objects: ['contacts', '2-18401752'], associations: ['2-18401752/contacts'] };
    const withPair = await (await open({ config: byId })).describe(signal);
    expect(withPair.map(({ name }) => name)).toEqual(['contacts', 'shipments', 'shipments_contacts']);
  });
});

describe('batches', () => {
  it('sends one row as a single create, more as one batch with trace ids', async () => {
    const session = await open();
    const contacts = await tableOf(session, 'contacts');
    sandbox.requests.clear();
    await write(session, contacts, 'insert', [{ values: { email: 'one@example.com' } }]);
    await write(session, contacts, 'insert', [
      { values: { email: 'two@example.com' } },
      { values: { email: 'three@example.com' } },
    ]);
    expect(paths()).toEqual(['POST /crm/v3/objects/contacts', 'POST /crm/v3/objects/contacts/batch/create']);
    expect(session.plan('insert', contacts, 1).path).toBe('/crm/v3/objects/contacts');
    expect(session.plan('insert', contacts, 2).path).toBe('/crm/v3/objects/contacts/batch/create');
    expect(session.plan('delete', contacts, 1).path).toBe('/crm/v3/objects/contacts/batch/archive');
  });

  it.each([false, true])('gives each row its own record, trace ids hidden: %s', async (hidden) => {
    sandbox.policy.hideTraceIds = hidden;
    const session = await open();
    const contacts = await tableOf(session, 'contacts');
    const rows = Array.from({ length: 60 }, (_, n) => ({
      values: { firstname: n % 3 === 0 ? 'Same' : `Name ${n}`, email: `Row${n}@example.com`, score: `${n}.50` },
    }));
    const outcomes = await write(session, contacts, 'insert', rows);
    const state = new Map(sandbox.records('contacts').map((record) => [record['id'], record['email']]));
    expect(outcomes.map((outcome) => state.get(keyOf(outcome)))).toEqual(rows.map((_, n) => `row${n}@example.com`));
  });

  it('rows that assign the same are each a record', async () => {
    sandbox.policy.hideTraceIds = true;
    const session = await open();
    const contacts = await tableOf(session, 'contacts');
    const rows = ['A', 'B', 'A'].map((firstname) => ({ values: { firstname } }));
    const keys = (await write(session, contacts, 'insert', rows)).map(keyOf);
    expect(new Set(keys).size).toBe(3);
    const state = new Map(sandbox.records('contacts').map((record) => [record['id'], record['firstname']]));
    expect(keys.map((key) => state.get(key))).toEqual(['A', 'B', 'A']);
  });

  it('does not guess: of two rows that a record could be of, neither is told applied', async () => {
    sandbox.policy.hideTraceIds = true;
    const session = await open();
    const contacts = await tableOf(session, 'contacts');
    // HubSpot keeps addresses in lower case: what it answers could be of either where only that differs.
    const rows = [{ values: { city: 'Lyon' } }, { values: { city: 'LYON' } }];
    expect(codes(await write(session, contacts, 'insert', rows))).toEqual(['outcome_unknown', 'outcome_unknown']);
  });

  it('tells which rows of a batch were made, and which were not', async () => {
    const session = await open();
    const contacts = await tableOf(session, 'contacts');
    const outcomes = await write(session, contacts, 'insert', [
      { values: { email: 'new@example.com' } },
      { values: { email: 'new@example.com' } },
      { values: { email: 'wrong' } },
      { values: { email: 'other@example.com', level: 'None' } },
      { values: { email: 'last@example.com' } },
    ]);
    expect(codes(outcomes)).toEqual(['applied', 'duplicate', 'validation', 'validation', 'applied']);
    const columns = outcomes.map((outcome) => (outcome.kind === 'rejected' ? outcome.fault.column : null));
    expect(columns).toEqual([null, 'email', 'email', 'level', null]);
  });

  it('finds the row that spoilt an update, which changed nothing', async () => {
    const session = await open();
    const contacts = await tableOf(session, 'contacts');
    const keys = sandbox.records('contacts').map((record) => String(record['id']));
    const rows = ['Basic', 'Supreme', 'Plus'].map((level, n) => ({ key: keys[n] ?? '', values: { level } }));
    const outcomes = await write(session, contacts, 'update', rows);
    expect(outcomes).toMatchObject([
      { kind: 'rejected', sibling: true },
      {
        kind: 'rejected',
        fault: { column: 'level', detail: 'Key (level)=(Supreme) is not one of the values that the field allows.' },
      },
      { kind: 'rejected', sibling: true },
    ]);
    expect(outcomes[1]).not.toHaveProperty('sibling');
    expect(sandbox.records('contacts').map((record) => record['level'])).not.toContain('Basic');
  });

  it('updates what is there, tells what is not, and gives the new version', async () => {
    const session = await open();
    const contacts = await tableOf(session, 'contacts');
    const [one = '', two = ''] = sandbox.records('contacts').map((record) => String(record['id']));
    sandbox.archive('contacts', two);
    const outcomes = await write(session, contacts, 'update', [
      { key: two, values: { city: 'Gone' } },
      { key: one, values: { city: 'Here', newsletter: null } },
    ]);
    expect(codes(outcomes)).toEqual(['record_gone', 'applied']);
    const record = sandbox.records('contacts').find(({ id }) => id === one);
    expect(outcomes[1]).toMatchObject({
      record: { key: one, values: { city: 'Here', newsletter: null, lastmodifieddate: record?.['lastmodifieddate'] } },
    });
  });

  it('an update of a record that was merged away is no success of its own', async () => {
    const session = await open();
    const contacts = await tableOf(session, 'contacts');
    const [one = '', two = ''] = sandbox.records('contacts').map((record) => String(record['id']));
    sandbox.merge('contacts', one, two);
    const outcomes = await write(session, contacts, 'update', [{ key: two, values: { city: 'Where?' } }]);
    expect(codes(outcomes)).toEqual(['outcome_unknown']);
    expect(await session.read(contacts, [two], signal)).toEqual([null]);
  });

  it('a required property of a custom object', async () => {
    const session = await open();
    const shipments = await tableOf(session, 'shipments');
    const [outcome] = await write(session, shipments, 'insert', [{ values: { carrier: 'DHL' } }]);
    expect(outcome).toMatchObject({
      fault: {
        sqlstate: '23502',
        column: 'tracking_number',
        detail: 'Column "tracking_number" is required and has no value.',
      },
    });
  });

  it('permissions are the API’s', async () => {
    const session = await open();
    const deals = await tableOf(session, 'deals');
    sandbox.policy.missingScopes.add('deals.write');
    const [outcome] = await write(session, deals, 'insert', [{ values: { dealname: 'No' } }]);
    expect(outcome).toMatchObject({
      fault: { sqlstate: '42501', message: 'hubspot denied permission for INSERT on table "deals"' },
    });
  });
});

describe('limits', () => {
  it('waits for the search without keeping writes waiting', async () => {
    const session = await open();
    const contacts = await tableOf(session, 'contacts');
    const cursor = endOf(await pullAll(session, contacts, null));
    const action = { ...hubspotFaults.searchSecondly, headers: { 'retry-after': '60' } };
    sandbox.faults.add({ path: '/crm/v3/objects/*/search', action });
    const abort = new AbortController();
    const pulling = session.pull(contacts, cursor, abort.signal)[Symbol.asyncIterator]().next();
    const ended = expect(pulling).rejects.toMatchObject({ fault: { code: 'write_cancelled' } });
    await sandbox.requests.waitFor(({ status }) => status === 429);
    const outcomes = await write(session, contacts, 'insert', [{ values: { email: 'now@example.com' } }]);
    expect(codes(outcomes)).toEqual(['applied']);
    abort.abort();
    await ended;
  });

  it('of ten seconds are told with the time to wait', async () => {
    const session = await open();
    const contacts = await tableOf(session, 'contacts');
    sandbox.faults.add({ method: 'POST', path: '/crm/v3/objects/contacts', action: hubspotFaults.tenSecondly });
    const [outcome] = await write(session, contacts, 'insert', [{ values: { email: 'x@example.com' } }], 1500);
    expect(outcome).toMatchObject({
      fault: { sqlstate: '53400', message: 'hubspot rate limit reached, retry in 2 s' },
    });
  });

  it('are kept to by themselves', async () => {
    const strict = await startHubspotSandbox({ ...sizes, requestsPerTenSeconds: 20, contacts: 0 });
    try {
      const session = await open({ at: strict, config: { objects: ['contacts'], associations: 'none' } });
      const contacts = await tableOf(session, 'contacts');
      let left = 18;
      while (left > 0) {
        await write(session, contacts, 'insert', [{ values: { email: `n${left}@example.com` } }]);
        left -= 1;
      }
      const [outcome] = await write(session, contacts, 'insert', [{ values: { email: 'late@example.com' } }], 200);
      expect(codes(outcome === undefined ? [] : [outcome])).toEqual(['rate_limited']);
      expect(strict.requests.list().map(({ status }) => status)).not.toContain(429);
    } finally {
      await strict.close();
    }
  });

  it('a migrating account is unavailable, and nothing is sent again and again', async () => {
    const session = await open();
    const contacts = await tableOf(session, 'contacts');
    sandbox.requests.clear();
    sandbox.faults.add({ method: 'POST', path: '/crm/*', times: 'always', action: hubspotFaults.migrating });
    const [outcome] = await write(session, contacts, 'insert', [{ values: { email: 'x@example.com' } }]);
    expect(outcome).toMatchObject({ fault: { sqlstate: '58030' } });
    expect(paths()).toHaveLength(1);
  });
});

describe('pull', () => {
  it('goes through more records of one time than a page holds', async () => {
    const small = await startHubspotSandbox({ ...sizes, contacts: 0, searchPage: 10, listPage: 10 });
    try {
      const session = await open({ at: small, config: { objects: ['contacts'], associations: 'none' } });
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
      const session = await open({ at: slow, config: { objects: ['contacts'], associations: 'none' } });
      const contacts = await tableOf(session, 'contacts');
      let cursor = endOf(await pullAll(session, contacts, null));
      const made = slow.upsert('contacts', { email: 'late@example.com' });
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
      const session = await open({ at: slow, config: { objects: ['contacts'], associations: 'none' } });
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
    const session = await open();
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
      const session = await open({ at: small, config: { objects: ['contacts'], associations: 'none' } });
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
    const session = await open();
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
    expect(paths()).toContain('POST /crm/v3/objects/contacts/batch/read');
    expect(sandbox.requests.list().every((entry) => entry.path.length < 8000)).toBe(true);
  });

  it('takes no cursor of another making', async () => {
    const session = await open();
    const contacts = await tableOf(session, 'contacts');
    await expect(pullAll(session, contacts, { phase: 'changes', at: 'x' })).rejects.toThrow('not one of this provider');
  });
});

describe('findInserted', () => {
  it('is sure at once by a unique value, and waits for the index without one', async () => {
    let ahead = 0;
    const session = await open({ now: () => Date.now() + ahead });
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
    const session = await open();
    const contacts = await tableOf(session, 'contacts');
    const rows = [{ values: { email: String(sandbox.records('contacts')[0]?.['email']) } }];
    expect(await session.findInserted(batch(contacts, 'insert', rows), Date.now(), signal)).toEqual([null]);
  });
});

describe('associations', () => {
  it('are inserted and deleted as rows', async () => {
    const session = await open();
    const pairs = await tableOf(session, 'contacts_companies');
    const contact = sandbox.upsert('contacts', { email: 'linked@example.com' });
    const companies = sandbox.records('companies').map(({ id }) => String(id));
    const values = (company: string, more: Values = {}) => ({ contact_id: contact, company_id: company, ...more });
    const [one = '', two = ''] = companies;
    sandbox.requests.clear();
    const outcomes = await write(session, pairs, 'insert', [
      { values: values(one, { primary: true }) },
      { values: values('999999999') },
      { values: values(two, { billing_contact: true, primary: false }) },
    ]);
    expect(paths()).toEqual(['POST /crm/v4/associations/contacts/companies/batch/create']);
    expect(outcomes).toMatchObject([
      { kind: 'applied', record: { key: `${contact}-${one}`, values: { contact_id: contact, primary: true } } },
      { kind: 'rejected', fault: { sqlstate: '23503' } },
      { kind: 'applied', record: { key: `${contact}-${two}`, values: { billing_contact: true, primary: false } } },
    ]);
    const linked = () => sandbox.associated('contacts', 'companies').filter(({ from }) => from === contact);
    expect(linked()).toEqual([
      { from: contact, to: one, typeIds: [1, 279] },
      { from: contact, to: two, typeIds: [28, 279] },
    ]);
    const keys = [`${contact}-${two}`, `${contact}-7`, `${contact}-${one}`];
    expect(await session.read(pairs, keys, signal)).toMatchObject([
      { key: keys[0], values: { primary: false, billing_contact: true } },
      null,
      { key: keys[2], values: { primary: true, billing_contact: false } },
    ]);
    expect(codes(await write(session, pairs, 'delete', [{ key: `${contact}-${one}` }]))).toEqual(['applied']);
    expect(linked()).toEqual([{ from: contact, to: two, typeIds: [28, 279] }]);
    const found = await session.findInserted(
      batch(pairs, 'insert', [{ values: values(one) }, { values: values(two) }]),
      Date.now(),
      signal,
    );
    expect(found.map((record) => record?.key ?? null)).toEqual([null, `${contact}-${two}`]);
  });

  it('are pulled whole, page by page', async () => {
    const small = await startHubspotSandbox({ ...sizes, contacts: 35, listPage: 10 });
    try {
      const session = await open({ at: small });
      const pairs = await tableOf(session, 'contacts_companies');
      const pages = await pullAll(session, pairs, null);
      expect(pages).toHaveLength(4);
      const expected = small.associated('contacts', 'companies').map(({ from, to }) => `${from}-${to}`);
      expect([...idsIn(pages)].sort()).toEqual([...expected].sort());
      expect(pages[0]?.records[0]?.values).toMatchObject({ primary: true, billing_contact: false });
      const [, ...rest] = pages;
      expect(idsIn(await pullAll(session, pairs, pages[0]?.next ?? null))).toEqual(idsIn(rest));
      expect(endOf(pages)).toEqual({ phase: 'full', after: null });
    } finally {
      await small.close();
    }
  });
});
