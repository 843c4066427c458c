/** What only HubSpot has: its tokens, scopes and limits, against the project's sandbox. */
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  DEFAULT_CREDENTIALS,
  type HubspotSandbox,
  hubspotFaults,
  startHubspotSandbox,
} from '../../../fixtures/hubspot/index.js';
import { type KitLog, silentLog } from '../../../src/provider/index.js';
import {
  batch,
  codes,
  endOf,
  oauth,
  open,
  paths,
  privateApp,
  pullAll,
  signal,
  sizes,
  tableOf,
  write,
} from './support.js';

const { clientSecret, refreshToken } = DEFAULT_CREDENTIALS;
let sandbox: HubspotSandbox;

beforeAll(async () => {
  sandbox = await startHubspotSandbox(sizes);
});
afterAll(() => sandbox.close());
beforeEach(() => sandbox.reset());

describe('authorisation', () => {
  it.each([
    ['oauth', oauth],
    ['private_app', privateApp],
  ])('%s', async (_, auth) => {
    const session = await open(sandbox, { auth });
    expect(await session.check(signal)).toBe('HubSpot account 44801234 (standard) in na1');
  });

  it('renews a token before it expires, once for all', async () => {
    let ahead = 0;
    const session = await open(sandbox, { now: () => Date.now() + ahead });
    await session.check(signal);
    await session.check(signal);
    // Half an hour less a little: HubSpot would still take the token.
    ahead = 30 * 60_000 - 30_000;
    await Promise.all([session.check(signal), session.check(signal), session.check(signal)]);
    expect(paths(sandbox).filter((path) => path === 'POST /oauth/2026-03/token')).toHaveLength(2);
    expect(sandbox.requests.list().every((entry) => entry.status === 200)).toBe(true);
  });

  it('does not renew the token of a private app', async () => {
    const session = await open(sandbox, { auth: { ...privateApp, access_token: 'pat-na1-revoked-0000' } });
    await expect(session.check(signal)).rejects.toMatchObject({
      fault: {
        code: 'credentials_refused',
        context: expect.stringMatching(/^hubspot answered INVALID_AUTHENTICATION/),
      },
    });
    expect(paths(sandbox)).toHaveLength(1);
  });

  it('shows no secret, whatever goes wrong', async () => {
    const lines: string[] = [];
    const keep = (fields: unknown, message: string): void => void lines.push(JSON.stringify([fields, message]));
    const log: KitLog = { debug: keep, info: keep, warn: keep };
    const session = await open(sandbox, { log });
    const contacts = await tableOf(session, 'contacts');
    sandbox.faults.add({
      path: '/crm/*',
      times: 1,
      action: { kind: 'respond', status: 400, body: { message: `no ${clientSecret} ${refreshToken}` } },
    });
    const outcomes = await write(session, contacts, 'insert', [{ values: { email: 'a@example.com' } }]);
    const refused = await (await open(sandbox, { auth: { ...oauth, client_secret: 'wrong-secret-value' }, log }))
      .check(signal)
      .catch((error: unknown) => error);
    const shown = `${lines.join()}${JSON.stringify(outcomes)}${JSON.stringify(refused)}`;
    for (const secret of [clientSecret, refreshToken, 'wrong-secret-value']) expect(shown).not.toContain(secret);
    expect(shown).toContain('missing or invalid client secret');
  });
});

describe('describe', () => {
  it('reads the account, custom objects and labels', async () => {
    const session = await open(sandbox);
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
    const names = (await (await open(sandbox, { log })).describe(signal)).map(({ name }) => name);
    expect(names).not.toContain('products');
    expect(names).not.toContain('shipments');
    expect(names).toContain('contacts');
    expect(lines.join()).toContain('products');
  });

  it('describes what is named', async () => {
    const config = { objects: ['shipment', 'contacts'], associations: ['shipment/contacts', 'contacts/deals'] };
    const found = await (await open(sandbox, { config })).describe(signal);
    expect(found.map(({ name }) => name)).toEqual(['contacts', 'shipments']);
    const byId = { objects: ['contacts', '2-18401752'], associations: ['2-18401752/contacts'] };
    const withPair = await (await open(sandbox, { config: byId })).describe(signal);
    expect(withPair.map(({ name }) => name)).toEqual(['contacts', 'shipments', 'shipments_contacts']);
  });
});

describe('limits', () => {
  it('waits for the search without keeping writes waiting', async () => {
    const session = await open(sandbox);
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
    let now = Date.now;
    const session = await open(sandbox, { now: () => now() });
    const contacts = await tableOf(session, 'contacts');
    sandbox.faults.add({ method: 'POST', path: '/crm/v3/objects/contacts', action: hubspotFaults.tenSecondly });
    const given = batch(contacts, 'insert', [{ values: { email: 'x@example.com' } }]);
    // By the clock of the waits, which stands, less time is left than there is to wait.
    now = () => given.deadline - 1500;
    const [outcome] = (await session.write(given, signal)).outcomes;
    expect(outcome).toMatchObject({
      fault: { sqlstate: '53400', message: 'hubspot rate limit reached, retry in 2 s' },
    });
  });

  it('are kept to by themselves', async () => {
    // Time stands still: however slow the machine is, all of it is within the ten seconds.
    vi.useFakeTimers({ toFake: ['Date'] });
    const strict = await startHubspotSandbox({ ...sizes, requestsPerTenSeconds: 20, contacts: 0 });
    try {
      const session = await open(strict, { config: { objects: ['contacts'], associations: 'none' } });
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
      vi.useRealTimers();
      await strict.close();
    }
  });

  it('a migrating account is unavailable, and nothing is sent again and again', async () => {
    const session = await open(sandbox);
    const contacts = await tableOf(session, 'contacts');
    sandbox.requests.clear();
    sandbox.faults.add({ method: 'POST', path: '/crm/*', times: 'always', action: hubspotFaults.migrating });
    const [outcome] = await write(session, contacts, 'insert', [{ values: { email: 'x@example.com' } }]);
    expect(outcome).toMatchObject({ fault: { sqlstate: '58030' } });
    expect(paths(sandbox)).toHaveLength(1);
  });
});
