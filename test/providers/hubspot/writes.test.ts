/** HubSpot's batches, which answer in an order of their own, against the project's sandbox. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type HubspotSandbox, startHubspotSandbox } from '../../../fixtures/hubspot/index.js';
import { codes, keyOf, open, paths, signal, sizes, tableOf, write } from './support.js';

let sandbox: HubspotSandbox;

beforeAll(async () => {
  sandbox = await startHubspotSandbox(sizes);
});
afterAll(() => sandbox.close());
beforeEach(() => sandbox.reset());

describe('batches', () => {
  it('sends one row as a single create, more as one batch with trace ids', async () => {
    const session = await open(sandbox);
    const contacts = await tableOf(session, 'contacts');
    sandbox.requests.clear();
    await write(session, contacts, 'insert', [{ values: { email: 'one@example.com' } }]);
    await write(session, contacts, 'insert', [
      { values: { email: 'two@example.com' } },
      { values: { email: 'three@example.com' } },
    ]);
    expect(paths(sandbox)).toEqual(['POST /crm/v3/objects/contacts', 'POST /crm/v3/objects/contacts/batch/create']);
    expect(session.plan('insert', contacts, 1).path).toBe('/crm/v3/objects/contacts');
    expect(session.plan('insert', contacts, 2).path).toBe('/crm/v3/objects/contacts/batch/create');
    expect(session.plan('delete', contacts, 1).path).toBe('/crm/v3/objects/contacts/batch/archive');
  });

  it.each([false, true])('gives each row its own record, trace ids hidden: %s', async (hidden) => {
    sandbox.policy.hideTraceIds = hidden;
    const session = await open(sandbox);
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
    const session = await open(sandbox);
    const contacts = await tableOf(session, 'contacts');
    const rows = ['A', 'B', 'A'].map((firstname) => ({ values: { firstname } }));
    const keys = (await write(session, contacts, 'insert', rows)).map(keyOf);
    expect(new Set(keys).size).toBe(3);
    const state = new Map(sandbox.records('contacts').map((record) => [record['id'], record['firstname']]));
    expect(keys.map((key) => state.get(key))).toEqual(['A', 'B', 'A']);
  });

  it('does not guess: of two rows that a record could be of, neither is told applied', async () => {
    sandbox.policy.hideTraceIds = true;
    const session = await open(sandbox);
    const contacts = await tableOf(session, 'contacts');
    // HubSpot keeps addresses in lower case: what it answers could be of either where only that differs.
    const rows = [{ values: { city: 'Lyon' } }, { values: { city: 'LYON' } }];
    expect(codes(await write(session, contacts, 'insert', rows))).toEqual(['outcome_unknown', 'outcome_unknown']);
  });

  it('tells which rows of a batch were made, and which were not', async () => {
    const session = await open(sandbox);
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
    const session = await open(sandbox);
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
    const session = await open(sandbox);
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
    const session = await open(sandbox);
    const contacts = await tableOf(session, 'contacts');
    const [one = '', two = ''] = sandbox.records('contacts').map((record) => String(record['id']));
    sandbox.merge('contacts', one, two);
    const outcomes = await write(session, contacts, 'update', [{ key: two, values: { city: 'Where?' } }]);
    expect(codes(outcomes)).toEqual(['outcome_unknown']);
    expect(await session.read(contacts, [two], signal)).toEqual([null]);
  });

  it('a required property of a custom object', async () => {
    const session = await open(sandbox);
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
    const session = await open(sandbox);
    const deals = await tableOf(session, 'deals');
    sandbox.policy.missingScopes.add('deals.write');
    const [outcome] = await write(session, deals, 'insert', [{ values: { dealname: 'No' } }]);
    expect(outcome).toMatchObject({
      fault: { sqlstate: '42501', message: 'hubspot denied permission for INSERT on table "deals"' },
    });
  });
});
