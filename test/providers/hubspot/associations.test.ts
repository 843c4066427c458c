/** HubSpot's associations as tables, against the project's sandbox. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type HubspotSandbox, startHubspotSandbox } from '../../../fixtures/hubspot/index.js';
import type { Values } from '../../../src/provider/index.js';
import { batch, codes, endOf, idsIn, open, paths, pullAll, signal, sizes, tableOf, write } from './support.js';

let sandbox: HubspotSandbox;

beforeAll(async () => {
  sandbox = await startHubspotSandbox(sizes);
});
afterAll(() => sandbox.close());
beforeEach(() => sandbox.reset());

describe('associations', () => {
  it('are inserted and deleted as rows', async () => {
    const session = await open(sandbox);
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
    expect(paths(sandbox)).toEqual(['POST /crm/v4/associations/contacts/companies/batch/create']);
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
      const session = await open(small);
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
