/** Writes that replace, stop half-way, get lost and are found again. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_KEYS, startStripeSandbox, stripeFaults } from '../../../fixtures/stripe/index.js';
import { provider } from '../../../providers/stripe/index.js';
import { createKit, silentLog, type Values } from '../../../src/provider/index.js';
import {
  batchOf,
  insert,
  openWith,
  refusal,
  remove,
  resources,
  row,
  run,
  sandbox,
  session,
  signal,
  stored,
  update,
  useSandbox,
  valuesOf,
} from './account.js';

useSandbox();

describe('assignments replace', () => {
  const metadata = { a: '1', b: '2' };

  it('sends the removal of metadata keys that the new value does not have, from the old row', async () => {
    const { id } = await insert('customers', { metadata });
    const before = sandbox.requests.list().length;
    const after = await update('customers', String(id), { metadata: { b: '3', c: '4' } }, { metadata });
    expect(after['metadata']).toEqual({ b: '3', c: '4' });
    expect(sandbox.requests.list().length).toBe(before + 1);
  });

  it('reads the record first where the old row is not known', async () => {
    const { id } = await insert('customers', { metadata });
    const after = await update('customers', String(id), { metadata: { c: '4' } });
    expect(after['metadata']).toEqual({ c: '4' });
    expect(stored('customers', id)['metadata']).toEqual({ c: '4' });
  });

  it('removes all keys for NULL, an empty object, and keys that are null', async () => {
    for (const value of [null, {}, { a: null, b: null }]) {
      const { id } = await insert('customers', { metadata });
      expect((await update('customers', String(id), { metadata: value }, { metadata }))['metadata']).toEqual({});
    }
  });

  it('unsets members of an object that an assignment leaves out', async () => {
    const { id, address } = await insert('customers', { address: { city: 'Arrakeen', line1: 'Sietch 1' } });
    expect(address).toMatchObject({ city: 'Arrakeen', line1: 'Sietch 1' });
    const after = await update('customers', String(id), { address: { city: 'Carthag' } }, { address: address ?? null });
    expect(after['address']).toEqual({ city: 'Carthag', line1: null });
    expect((await update('customers', String(id), { address: null }))['address']).toBeNull();
  });

  it('passes over members that Stripe sets itself as long as they keep their values', async () => {
    const { id, automatic_tax: tax } = await insert('invoices', {
      customer: sandbox.records('customers')[0]?.id ?? '',
    });
    const changed = { ...(tax as object), enabled: true };
    const after = await update('invoices', String(id), { automatic_tax: changed }, { automatic_tax: tax ?? null });
    expect(after['automatic_tax']).toMatchObject({ enabled: true, provider: null });
  });
});

describe('a partial outcome', () => {
  it('keeps what was applied, and does not send what comes after a refusal', async () => {
    const rows = Array.from({ length: 60 }, (_, index) =>
      row(index === 3 ? { email: 'wrong' } : { name: `n${index}` }),
    );
    const before = sandbox.records('customers').length;
    const { outcomes, requests } = await run('customers', 'insert', rows);
    const applied = outcomes.filter((outcome) => outcome.kind === 'applied').length;
    const unsent = outcomes.filter((outcome) => outcome.kind === 'rejected' && outcome.sibling === true);
    expect(outcomes[3]).toMatchObject({ kind: 'rejected', fault: { sqlstate: '23514', column: 'email' } });
    expect(sandbox.records('customers').length).toBe(before + applied);
    expect(applied + unsent.length).toBe(59);
    expect(unsent.length).toBeGreaterThan(30);
    expect(requests).toHaveLength(applied + 1);
    expect(unsent[0]).toMatchObject({ fault: { detail: 'It was not sent, because row 4 was refused.' } });
  });

  it('tells a failure outside of Stripe from a refusal, and does not ask for it again', async () => {
    sandbox.faults.add({ method: 'POST', path: '/v1/customers', action: stripeFaults.dependencyFailed });
    const { outcomes, requests } = await run('customers', 'insert', [row({ name: 'a' })]);
    expect(outcomes).toMatchObject([{ kind: 'rejected', fault: { sqlstate: '58030' } }]);
    expect(requests.map(({ status }) => status)).toEqual([424]);
  });

  it('tells an unknown row from the others', async () => {
    sandbox.faults.add({ method: 'POST', path: '/v1/customers', skip: 1, action: stripeFaults.apiError });
    const { outcomes } = await run('customers', 'insert', [row({ name: 'a' }), row({ name: 'b' })]);
    expect(outcomes.map((outcome) => outcome.kind).sort()).toEqual(['applied', 'unknown']);
  });
});

describe('idempotency', () => {
  it('asks again under the same key after a lost answer, and makes one record', async () => {
    sandbox.faults.add({ method: 'POST', path: '/v1/customers', action: { kind: 'cut', phase: 'after' } });
    const before = sandbox.records('customers').length;
    await insert('customers', { name: 'once' });
    expect(sandbox.records('customers').length).toBe(before + 1);
  });

  it('waits while the first request under the key is at work', async () => {
    const given = row({ name: 'slow' });
    sandbox.holdKey(given.idempotencyKey);
    expect(valuesOf((await run('customers', 'insert', [given])).outcomes[0])['name']).toBe('slow');
  });

  it('takes a record that is gone after a lost answer for deleted by that request', async () => {
    const { id } = await insert('customers', { name: 'gone' });
    sandbox.faults.add({ method: 'DELETE', action: { kind: 'cut', phase: 'after' } });
    expect(await remove('customers', String(id))).toMatchObject({ kind: 'applied', record: { key: id } });
  });

  it('takes a subscription that is canceled after a lost answer for canceled by that request', async () => {
    const id = sandbox.records('subscriptions')[0]?.id ?? '';
    sandbox.faults.add({ method: 'DELETE', action: { kind: 'cut', phase: 'after' } });
    expect((await update('subscriptions', id, { status: 'canceled' }))['status']).toBe('canceled');
  });
});

describe('findInserted', () => {
  async function lost(values: Values, table = 'customers') {
    const batch = batchOf(table, 'insert', [row(values), row({ ...values })]);
    const sentAt = Date.now();
    sandbox.faults.add({ method: 'POST', times: 1, action: { kind: 'cut', phase: 'after' } });
    await session.write({ ...batch, rows: batch.rows.slice(0, 1) }, signal);
    return { batch, sentAt };
  }

  it('finds by the events, without making anything', async () => {
    const { batch, sentAt } = await lost({ name: 'found' });
    const before = sandbox.records('customers').length;
    const found = await session.findInserted(batch, sentAt, signal);
    expect(found.map((record) => record?.values['name'] ?? null)).toEqual(['found', null]);
    expect(sandbox.records('customers').length).toBe(before);
  });

  it('finds by the key where no event can be read, without making anything', async () => {
    const { batch, sentAt } = await lost({ name: 'found', metadata: { b: '1', a: '2' } });
    const before = sandbox.records('customers').length;
    const refused = { error: { type: 'invalid_request_error', message: 'no permission' } };
    sandbox.faults.add({
      path: '/v1/events',
      times: 'always',
      action: { kind: 'respond', status: 403, body: refused },
    });
    const found = await session.findInserted(batch, sentAt, signal);
    expect(found.map((record) => record?.values['name'] ?? null)).toEqual(['found', null]);
    expect(sandbox.records('customers').length).toBe(before);
    const old = session.findInserted(batch, sentAt - 86_400_000, signal);
    await expect(old).rejects.toMatchObject({ fault: { code: 'outcome_unknown' } });
  });

  it('sees an attachment on the payment method', async () => {
    const [customer] = sandbox.records('customers');
    const method = sandbox.create('payment_methods', { type: 'card', card: { token: 'tok_visa' } });
    const values = { id: method.id, customer: customer?.id ?? '' };
    const batch = batchOf('payment_methods', 'insert', [row(values)]);
    expect(await session.findInserted(batch, Date.now(), signal)).toEqual([null]);
    await session.write(batch, signal);
    expect(await session.findInserted(batch, Date.now(), signal)).toMatchObject([{ key: method.id }]);
  });
});

describe('keys and limits', () => {
  it('shows a restricted key what it may read, and refuses its writes with 42501', async () => {
    const all = resources.length;
    await openWith(DEFAULT_KEYS.restrictedKey);
    expect(resources.length).toBe(all);
    expect(await session.check(signal)).toBe('restricted key, test mode');
    expect(await refusal('customers', 'insert', row({ name: 'x' }))).toMatchObject({
      sqlstate: '42501',
      message: 'stripe denied permission for INSERT on table "customers"',
    });
  });

  it('leaves out the tables that a restricted key may not read', async () => {
    const small = await startStripeSandbox({ seed: false, permissions: ['customers:read', 'events:read'] });
    try {
      const config = provider.parseConfig({ auth: { api_key: DEFAULT_KEYS.restrictedKey }, base_url: small.url });
      const kit = createKit({ connection: 'small', provider: 'stripe', log: silentLog });
      const found = await provider.open(config, kit).describe(signal);
      expect(found.map((table) => table.name)).toEqual(['customers']);
    } finally {
      await small.close();
    }
  });

  it('says whose key it is', async () => {
    expect(await session.check(signal)).toMatch(/^secret key of account acct_\w+, test mode$/);
  });

  it('gets more rows applied than one second takes', async () => {
    const strict = await startStripeSandbox({ seed: false, requestsPerSecond: 25 });
    try {
      const config = provider.parseConfig({ auth: { api_key: DEFAULT_KEYS.secretKey }, base_url: strict.url });
      const kit = createKit({ connection: 'strict', provider: 'stripe', log: silentLog });
      const rows = Array.from({ length: 30 }, (_, index) => row({ name: `n${index}` }));
      const { outcomes } = await provider.open(config, kit).write(batchOf('customers', 'insert', rows), signal);
      expect(outcomes.every((outcome) => outcome.kind === 'applied')).toBe(true);
    } finally {
      await strict.close();
    }
  });

  it('asks again for an object that is locked', async () => {
    const { id } = await insert('customers', { name: 'locked' });
    sandbox.lock([String(id)]);
    expect((await update('customers', String(id), { name: 'free' }))['name']).toBe('free');
  });

  it('shows no key in any answer', async () => {
    sandbox.expireKey();
    const error: unknown = await session.check(signal).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ fault: { code: 'credentials_refused', sqlstate: '58000' } });
    expect(JSON.stringify(error)).not.toContain(DEFAULT_KEYS.secretKey);
  });
});
