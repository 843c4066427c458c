/** HubSpot's batch upserts, whose results come in an order of their own, against the project's sandbox. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type HubspotSandbox, startHubspotSandbox } from '../../../fixtures/hubspot/index.js';
import type { Outcome, Resource, Session, Values } from '../../../src/provider/index.js';
import { batch, codes, keyOf, open, paths, signal, sizes, tableOf } from './support.js';

let sandbox: HubspotSandbox;

beforeAll(async () => {
  sandbox = await startHubspotSandbox(sizes);
});
afterAll(() => sandbox.close());
beforeEach(() => sandbox.reset());

async function upsert(
  session: Session,
  resource: Resource,
  column: string,
  rows: readonly Values[],
): Promise<readonly Outcome[]> {
  const given = batch(
    resource,
    'upsert',
    rows.map((values) => ({ values })),
  );
  return (await session.write({ ...given, conflict: [column] }, signal)).outcomes;
}

describe('upserts', () => {
  it.each([
    ['email', false],
    ['email', true],
    ['loyalty_number', true],
  ])('by %s give each row its own record, trace ids hidden: %s', async (column, hidden) => {
    sandbox.policy.hideTraceIds = hidden;
    const session = await open(sandbox);
    const contacts = await tableOf(session, 'contacts');
    const rows = Array.from({ length: 40 }, (_, n) => ({
      [column]: column === 'email' ? `Up${n}@Example.com` : `up-${n}`,
      firstname: n % 2 === 0 ? 'Same' : `Name ${n}`,
    }));
    const known = (await upsert(session, contacts, column, rows.slice(0, 20))).map(keyOf);
    sandbox.requests.clear();
    const outcomes = await upsert(session, contacts, column, rows);
    expect(paths(sandbox)).toEqual(['POST /crm/v3/objects/contacts/batch/upsert']);
    expect(outcomes.slice(0, 20).map(keyOf)).toEqual(known);
    expect(outcomes).toMatchObject(rows.map((_, n) => ({ created: n >= 20 })));
    const state = new Map(sandbox.records('contacts').map((record) => [record['id'], record]));
    expect(outcomes.map((outcome) => state.get(keyOf(outcome))?.['firstname'])).toEqual(
      rows.map((row) => row['firstname']),
    );
  });

  it('by address are refused as a whole, and tell the row at fault from the others', async () => {
    const session = await open(sandbox);
    const contacts = await tableOf(session, 'contacts');
    const outcomes = await upsert(session, contacts, 'email', [
      { email: 'a@example.com', level: 'Supreme' },
      { email: 'b@example.com', level: null },
    ]);
    expect(codes(outcomes)).toEqual(['validation', 'validation']);
    expect(outcomes).toMatchObject([{ fault: { column: 'level' } }, { sibling: true }]);
  });

  it('by another property each stand for themselves', async () => {
    const session = await open(sandbox);
    const contacts = await tableOf(session, 'contacts');
    await upsert(session, contacts, 'loyalty_number', [{ loyalty_number: 'L0', email: 'taken@example.com' }]);
    const outcomes = await upsert(session, contacts, 'loyalty_number', [
      { loyalty_number: 'L1', email: 'taken@example.com' },
      { loyalty_number: 'L2', email: 'free@example.com' },
    ]);
    expect(codes(outcomes)).toEqual(['duplicate', 'applied']);
    expect(outcomes[0]).toMatchObject({ fault: { sqlstate: '23505' } });
  });

  it('are offered by tables with a unique property, and planned as what is sent', async () => {
    const session = await open(sandbox);
    const contacts = await tableOf(session, 'contacts');
    expect(contacts.writes.upsert).toEqual({ max: 100, ceiling: 100, atomic: false, keyColumns: 1 });
    expect((await tableOf(session, 'contacts_companies')).writes.upsert).toBeUndefined();
    expect(session.plan('upsert', contacts, 2, ['email'])).toEqual({
      method: 'POST',
      path: '/crm/v3/objects/contacts/batch/upsert',
      calls: 1,
    });
  });
});
