/** Airtable's upserts: keys of several fields and of every type, matches that are not one, records found again. */
import { describe, expect, it } from 'vitest';
import type { Resource, Session, Values } from '../../src/provider/index.js';
import { batch, openAt, signal, tableOf, useSandbox, valuesOf } from './airtable-session.js';

const sandbox = useSandbox();
const base = 'Caladan CRM';

const given = (resource: Resource, conflict: readonly string[], rows: readonly Values[]) => ({
  ...batch(
    resource,
    'upsert',
    rows.map((values) => ({ values })),
  ),
  conflict,
});

async function upsert(session: Session, resource: Resource, conflict: readonly string[], rows: readonly Values[]) {
  return (await session.write(given(resource, conflict, rows), signal)).outcomes;
}

describe('upserts', () => {
  it.each<[string, readonly string[], readonly Values[]]>([
    ['text with quotes and line ends', ['notes'], [{ notes: 'say "hi" \\ {x}' }, { notes: 'one\ntwo' }]],
    ['a number', ['score'], [{ score: '-12.50' }, { score: '12.5' }, { score: '0' }]],
    ['a date', ['birthday'], [{ birthday: '1999-12-31' }, { birthday: '2000-02-29' }]],
    [
      'three fields',
      ['name', 'status', 'score'],
      [
        { name: 'A', status: 'Lead', score: '1' },
        { name: 'A', status: 'Lead', score: '2' },
        { name: 'A', status: 'Customer', score: '1' },
      ],
    ],
  ])('go by %s, and find their records again', async (_, conflict, keys) => {
    const session = await openAt(sandbox().url);
    const resource = await tableOf(session);
    const rows = keys.map((key, n) => ({ ...key, phone: `1${n}` }));
    const made = await upsert(session, resource, conflict, rows);
    expect(made).toMatchObject(rows.map(() => ({ kind: 'applied', created: true })));
    const again = rows.map((row, n) => ({ ...row, phone: `2${n}` }));
    const changed = await upsert(session, resource, conflict, again);
    const ids = made.map((outcome) => valuesOf(outcome)['id']);
    expect(changed.map((outcome) => valuesOf(outcome)['id'])).toEqual(ids);
    expect(changed.map((outcome) => valuesOf(outcome)['phone'])).toEqual(again.map((row) => row.phone));
    expect(changed).toMatchObject(rows.map(() => ({ created: false })));
    const found = (await session.findUpserted?.(given(resource, conflict, again), signal)) ?? [];
    expect(found.map((record) => record?.key)).toEqual(ids);
  });

  it('find their records by fields that were renamed since the description', async () => {
    const session = await openAt(sandbox().url);
    const resource = await tableOf(session);
    const rows = [{ name: 'Kept', phone: '1' }];
    const [made] = await upsert(session, resource, ['name'], rows);
    const id = sandbox().fieldId(base, 'Contacts', 'Name');
    sandbox().changeField(base, 'Contacts', id, { id, name: 'Renamed', type: 'singleLineText' });
    const found = await session.findUpserted?.(given(resource, ['name'], rows), signal);
    expect(found?.[0]?.key).toBe(valuesOf(made)['id']);
  });

  it('are refused as a whole where several records match', async () => {
    const session = await openAt(sandbox().url);
    const resource = await tableOf(session);
    for (const phone of ['1', '2']) sandbox().save(base, 'Contacts', { Name: 'Twin', Phone: phone });
    const before = sandbox().records(base, 'Contacts').length;
    const rows = [{ name: 'Single' }, { name: 'Twin', phone: '3' }];
    const outcomes = await upsert(session, resource, ['name'], rows);
    expect(outcomes).toMatchObject(rows.map(() => ({ kind: 'rejected', fault: { sqlstate: '23514' } })));
    expect(sandbox().records(base, 'Contacts')).toHaveLength(before);
    // Of several records the one that has everything is the one that could have been meant.
    const found = await session.findUpserted?.(given(resource, ['name'], [{ name: 'Twin', phone: '2' }]), signal);
    expect(found?.[0]?.values['phone']).toBe('2');
    expect(await session.findUpserted?.(given(resource, ['name'], [rows[1] ?? {}]), signal)).toEqual([null]);
  });

  it('take fields that Airtable merges on, three at most', async () => {
    const session = await openAt(sandbox().url);
    const resource = await tableOf(session);
    expect(resource.writes.upsert).toEqual({ max: 10, ceiling: 10, atomic: true, keyColumns: 3 });
    const keys = resource.columns.filter((column) => column.upsertKey === true).map((column) => column.name);
    expect(keys).toEqual(['name', 'status', 'score', 'visits', 'birthday', 'notes']);
    const values = { name: 'A', status: 'Lead', score: '1', visits: '1', email: 'a@b.example' };
    for (const conflict of [['email'], ['name', 'status', 'score', 'visits']]) {
      const [outcome] = await upsert(session, resource, conflict, [values]);
      expect(outcome).toMatchObject({ kind: 'rejected', fault: { code: 'internal' } });
    }
  });
});
