/** What only Salesforce has: its flows of authorisation, its limits, and its refusals, against the project's sandbox. */
import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../fixtures/kit/index.js';
import {
  DEFAULT_CREDENTIALS,
  type SalesforceSandbox,
  salesforceFaults,
  startSalesforceSandbox,
} from '../../fixtures/salesforce/index.js';
import {
  type Batch,
  createKit,
  createRegistry,
  type KitLog,
  type Resource,
  type Session,
  silentLog,
  type Values,
  type Verb,
} from '../../src/provider/index.js';

const { clientId, clientSecret, refreshToken, username, password } = DEFAULT_CREDENTIALS;
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
const signal = new AbortController().signal;

let sandbox: SalesforceSandbox;

beforeAll(async () => {
  sandbox = await startSalesforceSandbox({ contacts: 3, accounts: 3, invoiceItems: 3, jwtPublicKey: publicKey });
});
afterAll(() => sandbox.close());
beforeEach(() => sandbox.reset());

function pem(key: typeof privateKey): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

const flows = (): Readonly<Record<string, Record<string, string>>> => ({
  refresh_token: { client_id: clientId, client_secret: clientSecret, refresh_token: refreshToken },
  client_credentials: { client_id: clientId, client_secret: clientSecret },
  jwt_bearer: { client_id: clientId, username, private_key: pem(privateKey) },
  password: { client_id: clientId, client_secret: clientSecret, username, password },
});

async function open(
  kind = 'refresh_token',
  over: Record<string, unknown> = {},
  log: KitLog = silentLog,
  now: () => number = Date.now,
) {
  const auth = { kind, login_url: sandbox.url, ...flows()[kind], ...over };
  const provider = await createRegistry().load('salesforce');
  return provider.configure({ auth }).open(createKit({ connection: 'crm', provider: 'salesforce', log, now }));
}

async function tableOf(session: Session, name: string): Promise<Resource> {
  const found = (await session.describe(signal)).find((resource) => resource.name === name);
  if (found === undefined) throw new Error(`there is no table ${name}`);
  return found;
}

function batch(
  resource: Resource,
  verb: Verb,
  rows: readonly { key?: string; values?: Values }[],
  patience = 20_000,
): Batch {
  return {
    verb,
    resource,
    rows: rows.map(({ key = null, values = {} }, index) => ({ key, values, idempotencyKey: `sf-${index}` })),
    deadline: Date.now() + patience,
  };
}

describe('authorisation', () => {
  it.each(['refresh_token', 'client_credentials', 'jwt_bearer', 'password'])('%s', async (kind) => {
    const session = await open(kind);
    expect(await session.check(signal)).toMatch(new RegExp(`^user ${username} of organization 00D`));
    sandbox.expireTokens();
    expect(await session.check(signal)).toContain(username);
  });

  it('a plain access token works until it expires, and is not renewed', async () => {
    const answer = await fetch(`${sandbox.url}/services/oauth2/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: clientId,
        client_secret: clientSecret,
      }),
    });
    const { access_token } = (await answer.json()) as { access_token: string };
    const provider = await createRegistry().load('salesforce');
    const auth = { kind: 'access_token', access_token, instance_url: sandbox.url };
    const session = provider
      .configure({ auth })
      .open(createKit({ connection: 'crm', provider: 'salesforce', log: silentLog }));
    expect(await session.check(signal)).toContain(username);
    sandbox.expireTokens();
    await expect(session.check(signal)).rejects.toMatchObject({ fault: { sqlstate: '58000' } });
  });

  it.each<[string, Record<string, string>]>([
    ['refresh_token', { refresh_token: 'wrong-refresh-token' }],
    ['refresh_token', { client_secret: 'wrong-client-secret' }],
    ['client_credentials', { client_id: 'wrong-client-id' }],
    ['jwt_bearer', { private_key: pem(other.privateKey) }],
    ['password', { password: 'wrong-password' }],
  ])('%s with %o is refused without showing a secret', async (kind, over) => {
    const lines: string[] = [];
    const log = (fields: object, message: string): void => void lines.push(JSON.stringify(fields) + message);
    const session = await open(kind, over, { debug: log, info: log, warn: log });
    const error: unknown = await session.check(signal).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      fault: { code: 'credentials_refused', context: expect.stringContaining('answered') },
    });
    const shown = JSON.stringify([Reflect.get(error as object, 'fault'), lines]);
    for (const secret of [clientSecret, refreshToken, password, ...Object.values(over)]) {
      expect(shown).not.toContain(secret);
    }
  });

  it('asks for one token, however many requests wait for it', async () => {
    const session = await open();
    await Promise.all(Array.from({ length: 8 }, () => session.check(signal)));
    const tokens = sandbox.requests.list().filter((entry) => entry.path === '/services/oauth2/token');
    expect(tokens).toHaveLength(1);
  });

  it('asks the token endpoint again where it says so, within the time limit', async () => {
    const passing = { error: 'unknown_error', error_description: 'retry your request' };
    const fault = { method: 'POST', path: '/services/oauth2/token', action: { kind: 'respond', status: 400 } } as const;
    const refuse = (body: JsonObject, times: number | 'always') =>
      sandbox.faults.add({ ...fault, times, action: { ...fault.action, body } });
    refuse(passing, 2);
    const session = await open();
    expect(await session.check(signal)).toContain(username);
    const contacts = await tableOf(session, 'contacts');
    const row = { values: { last_name: 'x' } };
    const before = sandbox.records('Contact').length;
    for (const [body, sqlstate] of [
      [passing, '58030'],
      [{ error: 'rate_limit_exceeded' }, '53400'],
      [{ error: 'inactive_org' }, '58000'],
    ] as const) {
      const held = refuse(body, 'always');
      const { outcomes } = await (await open()).write(batch(contacts, 'insert', [row], 900), signal);
      expect(outcomes).toMatchObject([{ kind: 'rejected', fault: { sqlstate } }]);
      held.remove();
    }
    expect(sandbox.records('Contact')).toHaveLength(before);
  });

  it('says what the token endpoint said, however late it came', async () => {
    const contacts = await tableOf(await open(), 'contacts');
    const rows = [{ values: { last_name: 'x' } }];
    for (const [error, sqlstate] of [
      ['rate_limit_exceeded', '53400'],
      ['unknown_error', '58030'],
    ] as const) {
      sandbox.faults.add({ path: '/services/oauth2/token', action: { kind: 'respond', status: 400, body: { error } } });
      const { outcomes } = await (await open()).write(batch(contacts, 'insert', rows, 0), signal);
      const context = expect.stringContaining(error);
      expect(outcomes).toMatchObject([{ kind: 'rejected', fault: { sqlstate, context } }]);
    }
  });

  it('an unreachable login host is an unavailable API, and the write was not sent', async () => {
    const session = await open();
    const contacts = await tableOf(session, 'contacts');
    const lost = await open('refresh_token', { login_url: 'http://127.0.0.1:1' });
    const write = await lost.write(batch(contacts, 'insert', [{ values: { last_name: 'x' } }], 600), signal);
    expect(write.outcomes).toMatchObject([{ kind: 'rejected', fault: { sqlstate: '58030' } }]);
  });
});

describe('describing', () => {
  it('takes one global description and one composite request', async () => {
    const session = await open();
    await session.check(signal);
    sandbox.requests.clear();
    const tables = await session.describe(signal);
    expect(tables.map((table) => table.name).sort()).toEqual(['accounts', 'contacts', 'invoice_items']);
    expect(sandbox.requests.list().map((entry) => `${entry.method} ${entry.path}`)).toEqual([
      'GET /services/data/v62.0/sobjects',
      'POST /services/data/v62.0/composite',
    ]);
  });

  it('plans the request that a write makes', async () => {
    const session = await open();
    const contacts = await tableOf(session, 'contacts');
    sandbox.requests.clear();
    const plan = session.plan('insert', contacts, 1);
    const { requests } = await session.write(batch(contacts, 'insert', [{ values: { last_name: 'x' } }]), signal);
    expect(plan).toEqual({ method: 'POST', path: '/services/data/v62.0/composite/sobjects', calls: 1 });
    expect(requests).toMatchObject([{ method: plan.method, path: plan.path, status: 200 }]);
    expect(sandbox.requests.list()).toHaveLength(1);
  });
});

describe('refusals', () => {
  it('a parent that is protected', async () => {
    const session = await open();
    const [accounts, items] = [await tableOf(session, 'accounts'), await tableOf(session, 'invoice_items')];
    const [account] = sandbox.records('Account');
    const key = String(account?.['Id']);
    const made = batch(items, 'insert', [{ values: { account: key, quantity: '1' } }]);
    expect((await session.write(made, signal)).outcomes).toMatchObject([{ kind: 'applied' }]);
    const { outcomes } = await session.write(batch(accounts, 'delete', [{ key }]), signal);
    expect(outcomes).toMatchObject([
      {
        kind: 'rejected',
        fault: { sqlstate: '23503', detail: expect.stringMatching(`^Key \\(id\\)=\\(${key}\\) is still referenced: `) },
      },
    ]);
  });

  it('a verb that the user may not', async () => {
    const session = await open();
    const contacts = await tableOf(session, 'contacts');
    sandbox.deny('Contact', 'update');
    const [contact] = sandbox.records('Contact');
    const row = { key: String(contact?.['Id']), values: { department: 'x' } };
    expect((await session.write(batch(contacts, 'update', [row]), signal)).outcomes).toMatchObject([
      { fault: { sqlstate: '42501', message: 'salesforce denied permission for UPDATE on table "contacts"' } },
    ]);
  });

  it('a locked record is tried again, within the time limit', async () => {
    const session = await open();
    const contacts = await tableOf(session, 'contacts');
    const key = String(sandbox.records('Contact')[0]?.['Id']);
    const row = { key, values: { department: 'unlocked' } };
    sandbox.lock([key], 2);
    expect((await session.write(batch(contacts, 'update', [row]), signal)).outcomes).toMatchObject([
      { kind: 'applied', record: { key, values: { id: key, department: 'unlocked' } } },
    ]);
    sandbox.lock([key], 100);
    // The clock of the retries stands shortly before the end, so that no answer comes too late, however slow it is.
    const given = batch(contacts, 'update', [row]);
    const hurried = await open('refresh_token', {}, silentLog, () => given.deadline - 300);
    expect((await hurried.write(given, signal)).outcomes).toMatchObject([
      { kind: 'rejected', fault: { sqlstate: '58030', context: expect.stringContaining('UNABLE_TO_LOCK_ROW') } },
    ]);
  });

  it('the daily limit, told with a time to wait; the sync stops before the writes do', async () => {
    const session = await open();
    const contacts = await tableOf(session, 'contacts');
    const row = { values: { last_name: 'x' } };
    sandbox.useCalls(14_000);
    expect((await session.write(batch(contacts, 'insert', [row]), signal)).outcomes).toMatchObject([
      { kind: 'applied' },
    ]);
    await expect(session.read(contacts, ['003000000000001AAA'], signal)).rejects.toMatchObject({
      fault: { code: 'rate_limited' },
    });
    sandbox.useCalls(15_000);
    expect((await session.write(batch(contacts, 'insert', [row]), signal)).outcomes).toMatchObject([
      { kind: 'rejected', fault: { sqlstate: '53400', message: 'salesforce rate limit reached, retry in 60 s' } },
    ]);
  });

  it('a whole request that is refused refuses every row', async () => {
    const session = await open();
    const contacts = await tableOf(session, 'contacts');
    const stray = {
      ...contacts,
      columns: contacts.columns.map((c) => (c.name === 'title' ? { ...c, field: 'Nope' } : c)),
    };
    const rows = [{ values: { last_name: 'a', title: 'x' } }, { values: { last_name: 'b' } }];
    const before = sandbox.records('Contact').length;
    const { outcomes } = await session.write(batch(stray, 'insert', rows), signal);
    expect(outcomes.filter((outcome) => outcome.kind === 'rejected')).toHaveLength(2);
    expect(JSON.stringify(outcomes)).toContain('INVALID_FIELD');
    expect(sandbox.records('Contact')).toHaveLength(before);
  });

  it('an answer that is no collections result leaves the outcome open', async () => {
    const session = await open();
    const contacts = await tableOf(session, 'contacts');
    for (const body of ['<html>', [], [{ success: true }], [{ id: 'x', success: 'yes' }], { records: [] }]) {
      sandbox.faults.add({
        method: 'POST',
        path: '*/composite/sobjects',
        action: { kind: 'respond', status: 200, body },
      });
      const { outcomes } = await session.write(batch(contacts, 'insert', [{ values: { last_name: 'x' } }]), signal);
      expect(outcomes).toMatchObject([{ kind: 'unknown', fault: { sqlstate: '40003' } }]);
    }
  });

  it('a gateway in front of the API that fails leaves it open too', async () => {
    const session = await open();
    const contacts = await tableOf(session, 'contacts');
    sandbox.faults.add({ method: 'POST', path: '*/composite/sobjects', action: salesforceFaults.badGateway });
    const { outcomes } = await session.write(batch(contacts, 'insert', [{ values: { last_name: 'x' } }]), signal);
    expect(outcomes).toMatchObject([{ kind: 'unknown' }]);
  });
});

describe('records of a write', () => {
  it('hold what is known: the key, what was assigned as it is kept, and nothing else', async () => {
    const session = await open();
    const contacts = await tableOf(session, 'contacts');
    const account = String(sandbox.records('Account')[0]?.['Id']);
    const values = { last_name: ' Atreides ', department: '', account_id: account.slice(0, 15), score: '1.50' };
    const { outcomes } = await session.write(batch(contacts, 'insert', [{ values }]), signal);
    const [outcome] = outcomes;
    if (outcome?.kind !== 'applied') throw new Error('it was refused');
    expect(outcome.record.values).toEqual({
      id: outcome.record.key,
      is_deleted: false,
      last_name: 'Atreides',
      department: null,
      account_id: account,
      score: '1.5',
    });
  });

  it('a record that was made twice is told from the others', async () => {
    const session = await open();
    const contacts = await tableOf(session, 'contacts');
    const rows = [{ values: { last_name: 'Twin' } }, { values: { last_name: 'Twin' } }];
    const given = batch(contacts, 'insert', rows);
    await session.write(given, signal);
    const found = await session.findInserted(given, Date.now(), signal);
    expect(new Set(found.map((record) => record?.key)).size).toBe(2);
    const three = batch(contacts, 'insert', [...rows, { values: { last_name: 'Triplet' } }]);
    await expect(session.findInserted(three, Date.now(), signal)).rejects.toMatchObject({
      fault: { code: 'outcome_unknown', context: 'salesforce has records like 2 of the 3 rows' },
    });
  });
});

describe('pulling', () => {
  it('refuses a cursor that is not its own', async () => {
    const session = await open();
    const contacts = await tableOf(session, 'contacts');
    for (const cursor of [{}, { phase: 'full', after: "x' OR Id != '", from: 'now' }, 'text', 5]) {
      expect(() => session.pull(contacts, cursor, signal)).toThrow('the cursor is not one of this provider');
    }
  });

  it('asks for ids first when the fields would make the address too long', async () => {
    const session = await open();
    const contacts = await tableOf(session, 'contacts');
    const padding = Array.from({ length: 1500 }, (_, index) => ({
      name: `copy_${index}`,
      // The API takes field names in any case; spelt differently they are different texts.
      field: [...'LastModifiedDate'].map((c, bit) => ((index >> bit) & 1 ? c.toUpperCase() : c.toLowerCase())).join(''),
      type: 'text' as const,
      nullable: true,
      insertable: false,
      updatable: false,
    }));
    const wide = { ...contacts, columns: [...contacts.columns, ...padding] };
    sandbox.requests.clear();
    const keys: string[] = [];
    const surnames: unknown[] = [];
    for await (const page of session.pull(wide, null, signal)) {
      for (const record of page.records) {
        keys.push(record.key);
        surnames.push(record.values['last_name']);
      }
    }
    expect(keys.sort()).toEqual(
      sandbox
        .records('Contact')
        .map((record) => String(record['Id']))
        .sort(),
    );
    expect(surnames).not.toContain(undefined);
    const methods = sandbox.requests
      .list()
      .map((entry) => `${entry.method} ${entry.path.split('?')[0]} ${entry.status}`);
    expect(methods).toEqual([
      'GET /services/data/v62.0/query 200',
      'GET /services/data/v62.0/query 200',
      'POST /services/data/v62.0/composite/sobjects/Contact 200',
    ]);
  });
});
