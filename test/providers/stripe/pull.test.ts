/** Listings: everything, and what has changed. */
import { describe, expect, it } from 'vitest';
import type { Page, Values } from '../../../src/provider/index.js';
import { resource, sandbox, session, signal, useSandbox } from './account.js';

useSandbox();

describe('pull', () => {
  async function follow(table: string, since: Page['next'] | null) {
    const keys = new Map<string, Values>();
    const deletions: string[] = [];
    let next: Page['next'] = null;
    for await (const page of session.pull(resource(table), since, signal)) {
      for (const record of page.records) keys.set(record.key, record.values);
      deletions.push(...page.deletions);
      next = page.next;
    }
    return { keys, deletions, next };
  }

  it.each([
    'products',
    'prices',
    'coupons',
    'subscriptions',
    'invoices',
    'invoice_items',
    'payment_intents',
    'charges',
    'refunds',
  ])('lists all of %s as they are read one by one', async (table) => {
    const { keys } = await follow(table, null);
    const read = await session.read(resource(table), [...keys.keys()], signal);
    expect(keys.size).toBeGreaterThan(0);
    expect(read.map((record) => record?.values)).toEqual([...keys.values()]);
  });

  it('lists canceled subscriptions too', async () => {
    const { id } = sandbox.records('subscriptions')[0] ?? { id: '' };
    sandbox.remove('subscriptions', id);
    expect((await follow('subscriptions', null)).keys.get(id)?.['status']).toBe('canceled');
  });

  it('follows what happens to records of every kind, and reads each event once', async () => {
    const { next } = await follow('invoices', null);
    const customer = sandbox.records('customers')[0]?.id ?? '';
    const made = sandbox.create('invoices', { customer });
    const draft = sandbox
      .records('invoices')
      .find((invoice) => invoice['status'] === 'draft' && invoice.id !== made.id);
    sandbox.remove('invoices', draft?.id ?? '');
    const first = await follow('invoices', next);
    expect([...first.keys.keys()]).toEqual([made.id]);
    expect(first.deletions).toEqual([draft?.id]);
    const requests = sandbox.requests.list().length;
    const second = await follow('invoices', first.next);
    expect([second.keys.size, second.deletions.length]).toEqual([0, 0]);
    expect(sandbox.requests.list().length).toBe(requests + 1);
  });

  it('goes on where the object of its cursor has been deleted', async () => {
    for (let count = 0; count < 130; count += 1) sandbox.create('customers', { name: `n${count}` });
    const keys = new Set<string>();
    for await (const page of session.pull(resource('customers'), null, signal)) {
      for (const record of page.records) keys.add(record.key);
      const end = page.records.at(-1)?.key ?? '';
      if (!page.last) {
        sandbox.remove('customers', end);
        keys.delete(end);
      }
    }
    expect([...keys].sort()).toEqual(
      sandbox
        .records('customers')
        .map((record) => record.id)
        .sort(),
    );
  });

  it('lists everything again when the events do not reach back to the cursor', async () => {
    const cursor = { phase: 'changes', from: Math.floor(Date.now() / 1000) - 31 * 86_400, run: null, seen: {} };
    const { keys, next } = await follow('customers', cursor);
    expect(keys.size).toBe(sandbox.records('customers').length);
    expect(next).toMatchObject({ phase: 'changes', seen: {} });
  });

  it('refuses a cursor that is not its own', async () => {
    await expect(follow('customers', { phase: 'other' })).rejects.toThrow('the cursor is not one of this provider');
  });
});
