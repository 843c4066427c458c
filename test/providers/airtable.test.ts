/** What only Airtable has: its tokens and bases, and what its answers tell of records. */
import { describe, expect, it } from 'vitest';
import { airtableFaults, DEFAULT_CREDENTIALS, startAirtableSandbox } from '../../fixtures/airtable/index.js';
import { USERS } from '../../fixtures/airtable/schema/index.js';
import { silentLog } from '../../src/provider/index.js';
import {
  batch,
  crm,
  oauth,
  openAt,
  pathsOf,
  personal,
  signal,
  tableOf,
  useSandbox,
  valuesOf,
} from './airtable-session.js';

const { clientSecret, refreshToken } = DEFAULT_CREDENTIALS;
const sandbox = useSandbox();

describe('authorisation', () => {
  it('a personal token is used as it is, and a revoked one is told', async () => {
    const session = await openAt(sandbox().url);
    expect(await session.check(signal)).toMatch(/^user usr\w{14}$/);
    sandbox().revokeTokens();
    await expect(session.check(signal)).rejects.toMatchObject({ fault: { sqlstate: '58000' } });
  });

  it('refresh tokens rotate: each is used once, the next one comes with the answer', async () => {
    const session = await openAt(sandbox().url, oauth(sandbox().url));
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(Array.from({ length: 6 }, () => session.check(signal)));
      sandbox().expireTokens();
    }
    expect(pathsOf(sandbox()).filter((path) => path.includes('/oauth2/'))).toHaveLength(3);
    // The first refresh token is used up: another process that still has it is refused.
    await expect((await openAt(sandbox().url, oauth(sandbox().url))).check(signal)).rejects.toMatchObject({
      fault: { code: 'credentials_refused', context: 'airtable answered invalid_grant: Invalid token' },
    });
  });

  it('an access token is renewed before it ends', async () => {
    const short = await startAirtableSandbox({ contacts: 1, companies: 1, others: 1, tokenLifetimeMs: 60_000 });
    try {
      const auth = oauth(sandbox().url, { token_url: `${short.url}/oauth2/v1/token` });
      const session = await openAt(short.url, auth);
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
    const session = await openAt(sandbox().url, oauth(sandbox().url, over), {}, { debug: log, info: log, warn: log });
    const error: unknown = await session.check(signal).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ fault: { code: 'credentials_refused', context: expect.stringContaining(code) } });
    const shown = JSON.stringify([Reflect.get(error as object, 'fault'), lines]);
    for (const secret of [clientSecret, refreshToken, 'wrong-refresh-token']) expect(shown).not.toContain(secret);
  });

  it('a token endpoint that is busy is asked again, and one that is away is an unavailable API', async () => {
    sandbox().faults.add({ path: '/oauth2/*', times: 2, action: airtableFaults.serviceUnavailable });
    const session = await openAt(sandbox().url, oauth(sandbox().url));
    expect(await session.check(signal)).toContain('user ');
    const contacts = await tableOf(session);
    const lost = await openAt(sandbox().url, oauth(sandbox().url, { token_url: 'http://127.0.0.1:1/token' }));
    const { outcomes } = await lost.write(batch(contacts, 'insert', [{ values: { name: 'x' } }], 600), signal);
    expect(outcomes).toMatchObject([{ kind: 'rejected', fault: { sqlstate: '58030' } }]);
  });
});

describe('describing', () => {
  it('asks for the bases, and once for the tables of each', async () => {
    const session = await openAt(sandbox().url);
    const tables = await session.describe(signal);
    expect(tables).toHaveLength(5);
    expect(pathsOf(sandbox()).filter((path) => path.endsWith('/tables'))).toHaveLength(3);
    expect(pathsOf(sandbox())).toHaveLength(4);
  });

  it('takes the bases that the configuration names, with its words', async () => {
    const warnings: unknown[] = [];
    const bases = [{ base: 'Caladan CRM', prefix: '' }, 'appNowhere000000'];
    const log = { ...silentLog, warn: (fields: object) => void warnings.push(fields) };
    const session = await openAt(sandbox().url, personal, { bases }, log);
    expect((await session.describe(signal)).map((table) => table.name)).toEqual(['contacts', 'companies']);
    expect(warnings).toEqual([{ bases: ['appNowhere000000'] }]);
  });

  it('goes on without a base that may not be described', async () => {
    const { base } = sandbox().ids('Content calendar', 'Contacts');
    sandbox().faults.add({
      path: `/v0/meta/bases/${base}/tables`,
      action: { kind: 'respond', status: 404, body: { error: { type: 'NOT_FOUND' } } },
    });
    const session = await openAt(sandbox().url);
    expect((await session.describe(signal)).map((table) => table.name)).not.toContain('content_calendar_posts');
  });

  it('has a version where a field tells of every change, and verbs where the base may be edited', async () => {
    const tables = new Map((await (await openAt(sandbox().url)).describe(signal)).map((table) => [table.name, table]));
    expect(tables.get('caladan_crm_contacts')?.version).toBe('changed');
    expect(tables.get('caladan_crm_companies')).not.toHaveProperty('version');
    expect(tables.get('archive_old_deals')?.writes).toEqual({});
    const verbs = Object.keys(tables.get('content_calendar_posts')?.writes ?? {});
    expect(verbs).toEqual(['insert', 'update', 'delete', 'upsert']);
  });

  it('plans the request that a write makes', async () => {
    const session = await openAt(sandbox().url);
    const contacts = await tableOf(session);
    const plan = session.plan('insert', contacts, 2);
    sandbox().requests.clear();
    const { requests } = await session.write(batch(contacts, 'insert', [{ values: { name: 'x' } }]), signal);
    expect(requests).toMatchObject([{ method: plan.method, path: plan.path, status: 200 }]);
    expect(pathsOf(sandbox())).toEqual([`${plan.method} ${plan.path}`]);
  });
});

describe('records of a write', () => {
  it('hold everything that Airtable answered: computed fields too, and empty ones as NULL', async () => {
    const session = await openAt(sandbox().url);
    const contacts = await tableOf(session);
    const company = String(sandbox().records('Caladan CRM', 'Companies')[0]?.['id']);
    const values = {
      name: 'Chani',
      company: [company],
      subscribed: null,
      owner: { email: 'duncan@sandbox.example' },
    };
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
    const session = await openAt(sandbox().url);
    const contacts = await tableOf(session);
    const keys = ['a', 'b', 'c'].map((name) => sandbox().save(...crm, { Name: name, Notes: `notes of ${name}` }));
    const rows = keys.map((key, index) => ({ key, values: { name: `new ${index}` } }));
    const { outcomes } = await session.write(batch(contacts, 'update', rows), signal);
    expect(outcomes.map((outcome) => valuesOf(outcome)['notes'])).toEqual(
      ['a', 'b', 'c'].map((name) => `notes of ${name}`),
    );
    expect(outcomes.map((outcome) => valuesOf(outcome)['name'])).toEqual(['new 0', 'new 1', 'new 2']);
  });

  it('says which files were not fetched, of a new record, a change and an upsert', async () => {
    const session = await openAt(sandbox().url);
    const contacts = await tableOf(session);
    const files = [{ url: 'https://files.example/a.png' }, { url: 'https://gone.invalid/b.png' }];
    const given = batch(contacts, 'insert', [{ values: { name: 'x', files } }, { values: { name: 'y' } }]);
    const made = await session.write(given, signal);
    const remark = 'Attachments could not be fetched from their addresses, and were left out.';
    expect(made.remarks).toEqual([`${remark} (attachmentsFailedUploading)`]);
    const [first, second] = made.outcomes.map(valuesOf);
    expect([first?.['name'], first?.['files'], second?.['files']]).toEqual([
      'x',
      [expect.objectContaining({ filename: 'a.png' })],
      null,
    ]);
    const key = String(first?.['id']);
    const changed = await session.write(batch(contacts, 'update', [{ key, values: { files } }]), signal);
    expect(changed.remarks).toHaveLength(1);
    const upsert = { ...batch(contacts, 'upsert', [{ values: { name: 'x', files } }]), conflict: ['name'] };
    expect((await session.write(upsert, signal)).remarks).toHaveLength(1);
    expect(await session.write(batch(contacts, 'delete', [{ key }]), signal)).not.toHaveProperty('remarks');
  });

  it('writes people as Airtable documents it: one as an object, several as ids', async () => {
    const session = await openAt(sandbox().url);
    const contacts = await tableOf(session);
    const [one, two] = USERS;
    const made = await session.write(
      batch(contacts, 'insert', [{ values: { name: 'x', owner: { ...one }, team: [{ ...one }, two?.id ?? ''] } }]),
      signal,
    );
    expect(valuesOf(made.outcomes[0])).toMatchObject({ owner: one, team: [one, two] });
  });

  it('keeps files that are there and adds others', async () => {
    const session = await openAt(sandbox().url);
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
