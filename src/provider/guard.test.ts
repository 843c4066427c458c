import { describe, expect, it, vi } from 'vitest';
import { FaultError, fault } from '../errors/index.js';
import type { Batch, Outcome, Resource, Session, Verb } from './contract.js';
import { CallFailure } from './failure.js';
import { guardSession } from './guard.js';
import { createKit, silentLog } from './kit.js';

const column = { type: 'text', nullable: true } as const;
const resource: Resource = {
  name: 'contacts',
  object: 'Contact',
  key: 'id',
  columns: [
    { ...column, name: 'id', field: 'Id', insertable: false, updatable: false },
    { ...column, name: 'email', field: 'Email', insertable: true, updatable: true },
  ],
  writes: { insert: { max: 2, ceiling: 2, atomic: true }, update: { max: 2, ceiling: 2, atomic: true } },
  pull: { incremental: true, deletions: 'listed' },
};

function batch(verb: Verb, count: number, values: Record<string, string> = { email: 'a@b.c' }): Batch {
  const rows = Array.from({ length: count }, (_, index) => ({
    key: verb === 'insert' ? null : `k${index}`,
    values: verb === 'delete' ? {} : values,
    idempotencyKey: `i-${index}`,
  }));
  return { verb, resource, rows, deadline: Date.now() + 5000 };
}

const signal = new AbortController().signal;
const kit = createKit({ connection: 'main', provider: 'acme', log: silentLog });
const unused = () => Promise.reject(new Error('unused'));

function guarded(write: (given: Batch) => Promise<readonly Outcome[]>) {
  const asked = vi.fn(async (given: Batch) => ({ outcomes: await write(given), requests: [] }));
  const session: Session = {
    describe: unused,
    plan: () => ({ method: 'POST', path: '/', calls: 1 }),
    write: asked,
    pull: () => ({ [Symbol.asyncIterator]: () => ({ next: unused }) }),
    read: async () => [],
    findInserted: unused,
    check: unused,
  };
  return { session: guardSession(session, kit), asked };
}

const applied = (key: string): Outcome => ({ kind: 'applied', record: { key, values: {} } });
const brief = (outcomes: readonly Outcome[]) =>
  outcomes.map((outcome) => (outcome.kind === 'applied' ? 'applied' : `${outcome.kind} ${outcome.fault.code}`));

describe('guardSession', () => {
  it.each<[string, Batch, string]>([
    ['an undeclared verb', batch('delete', 1), 'verb_not_offered'],
    ['more rows than the ceiling', batch('insert', 3), 'too_many_rows'],
    ['a column that the API sets', batch('update', 1, { id: 'x' }), 'read_only_column'],
    ['a column that does not exist', batch('insert', 1, { nope: 'x' }), 'read_only_column'],
    ['an insert with a key', { ...batch('update', 1), verb: 'insert' }, 'internal'],
  ])('refuses %s without asking', async (_, given, code) => {
    const { session, asked } = guarded(async () => []);
    const { outcomes } = await session.write(given, signal);
    expect(brief(outcomes)).toEqual(given.rows.map(() => `rejected ${code}`));
    expect(asked).not.toHaveBeenCalled();
  });

  it.each<[string, Partial<Batch>, string]>([
    ['of a table without upserts', { resource: { ...resource, writes: {} } }, 'verb_not_offered'],
    ['without a key', { conflict: [] }, 'internal'],
    ['by more columns than the API takes', { conflict: ['email', 'name'] }, 'internal'],
    ['by a column that is no key', { conflict: ['name'] }, 'internal'],
    ['of a row without a value of the key', { rows: [{ key: null, values: {}, idempotencyKey: 'i' }] }, 'internal'],
    ['of a row with a key', { rows: [{ key: 'k', values: { email: 'a' }, idempotencyKey: 'i' }] }, 'internal'],
    [
      'of a column that can only be inserted',
      { rows: [{ key: null, values: { email: 'a', once: 'x' }, idempotencyKey: 'i' }] },
      'read_only_column',
    ],
    ['that is none, with a key', { verb: 'insert' }, 'internal'],
  ])('refuses an upsert %s without asking', async (_, over, code) => {
    const { session, asked } = guarded(async () => []);
    const upserts: Resource = {
      ...resource,
      columns: [
        ...resource.columns.map((each) => (each.name === 'email' ? { ...each, upsertKey: true } : each)),
        { ...column, name: 'name', field: 'Name', insertable: true, updatable: true },
        { ...column, name: 'once', field: 'Once', insertable: true, updatable: false },
      ],
      writes: { ...resource.writes, upsert: { max: 2, ceiling: 2, atomic: true, keyColumns: 1 } },
    };
    const rows = [{ key: null, values: { email: 'a' }, idempotencyKey: 'i' }];
    const given: Batch = { verb: 'upsert', resource: upserts, rows, conflict: ['email'], deadline: Date.now() + 5000 };
    const { outcomes } = await session.write({ ...given, ...over }, signal);
    expect(brief(outcomes)).toEqual([`rejected ${code}`]);
    expect(asked).not.toHaveBeenCalled();
    await session.write(given, signal);
    expect(asked).toHaveBeenCalledOnce();
  });

  it('sends nothing for no row', async () => {
    const { session, asked } = guarded(async () => []);
    expect(await session.write(batch('insert', 0), signal)).toEqual({ outcomes: [], requests: [] });
    expect(asked).not.toHaveBeenCalled();
  });

  it('says how many rows there are and may be', async () => {
    const { session } = guarded(async () => []);
    const { outcomes } = await session.write(batch('insert', 3), signal);
    expect(outcomes[0]).toMatchObject({
      fault: {
        sqlstate: '54000',
        message: 'INSERT on table "contacts" has 3 rows, more than the 2 that one acme request takes',
      },
    });
  });

  it.each<[string, (given: Batch) => readonly Outcome[]]>([
    ['too few outcomes', () => [applied('k0')]],
    ['too many outcomes', () => [applied('k0'), applied('k1'), applied('k2')]],
    ['outcomes in another order', () => [applied('k1'), applied('k0')]],
    ['an empty key', () => [applied('k0'), applied('')]],
  ])('takes %s for an unknown outcome of every row', async (_, answer) => {
    const { session } = guarded(async (given) => answer(given));
    const { outcomes } = await session.write(batch('update', 2), signal);
    expect(brief(outcomes)).toEqual(['unknown outcome_unknown', 'unknown outcome_unknown']);
  });

  it('passes a whole answer on', async () => {
    const { session } = guarded(async () => [applied('k0'), applied('k1')]);
    const { outcomes } = await session.write(batch('update', 2), signal);
    expect(brief(outcomes)).toEqual(['applied', 'applied']);
  });

  it('a throw before sending applied nothing, a throw after it may have', async () => {
    const before = guarded(() => Promise.reject(new Error('defect')));
    expect(brief((await before.session.write(batch('insert', 2), signal)).outcomes)).toEqual([
      'rejected internal',
      'rejected internal',
    ]);
    const after = guarded((given) =>
      kit.call({ verb: 'write', deadline: given.deadline, signal }, () => Promise.reject(new Error('defect'))),
    );
    expect(brief((await after.session.write(batch('insert', 2), signal)).outcomes)).toEqual([
      'unknown outcome_unknown',
      'unknown outcome_unknown',
    ]);
  });

  it('knows the faults of the kit', async () => {
    const failing = (details: ConstructorParameters<typeof CallFailure>[0]) =>
      guarded((given) =>
        kit.call({ verb: 'write', deadline: given.deadline, signal }, () => Promise.reject(new CallFailure(details))),
      ).session.write(batch('insert', 1), signal);
    expect(brief((await failing({ kind: 'network', fate: 'unknown' })).outcomes)).toEqual(['unknown outcome_unknown']);
    const refused = await failing({ kind: 'credentials', fate: 'refused' });
    expect(brief(refused.outcomes)).toEqual(['rejected credentials_refused']);
  });

  it('does not believe a fault that says nothing was applied when it knows nothing of it', async () => {
    const { session } = guarded((given) =>
      kit.call({ verb: 'write', deadline: given.deadline, signal }, () =>
        Promise.reject(new FaultError(fault('validation', { params: { provider: 'acme' } }))),
      ),
    );
    expect(brief((await session.write(batch('insert', 1), signal)).outcomes)).toEqual(['unknown outcome_unknown']);
  });

  it('refuses a read of the wrong length', async () => {
    const { session } = guarded(async () => []);
    await expect(session.read(resource, ['a'], signal)).rejects.toMatchObject({ fault: { code: 'internal' } });
    await expect(session.read(resource, [], signal)).resolves.toEqual([]);
  });
});
