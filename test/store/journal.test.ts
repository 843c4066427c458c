import type pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  beginApply,
  type Journal,
  type JournalEntry,
  migrate,
  NotOwner,
  openJournal,
  takeLease,
} from '../../src/store/index.js';
import { connect, ownPool } from '../support/database.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres.js';

let server: TestPostgres;
let pool: pg.Pool;
let journal: Journal;
let oid: number;

beforeAll(async () => {
  server = await startTestPostgres();
  pool = ownPool(server.upwriteUrl);
  await migrate(pool);
  await pool.query('CREATE SCHEMA salesforce; CREATE TABLE salesforce.contacts (id text PRIMARY KEY, email text)');
  const found = await pool.query<{ oid: number }>("SELECT 'salesforce.contacts'::regclass::oid AS oid");
  oid = found.rows[0]?.oid ?? 0;
  const lease = await takeLease(pool, { kind: 'test', onError: () => {} });
  journal = openJournal(pool, lease.id);
});

function entry(overrides: Partial<JournalEntry> = {}): JournalEntry {
  return {
    role: 'app',
    connection: 'salesforce',
    provider: 'salesforce',
    tableOid: oid,
    schema: 'salesforce',
    table: 'contacts',
    verb: 'update',
    rows: [
      { key: 'a', values: { email: 'a@caladan.io' }, idempotencyKey: 'k-1' },
      { key: 'b', values: { email: 'b@caladan.io' }, idempotencyKey: 'k-2' },
    ],
    settleAfterMs: 60_000,
    ...overrides,
  };
}

async function mutation(id: string): Promise<Record<string, unknown>> {
  const result = await pool.query<Record<string, unknown>>('SELECT * FROM upwrite.mutations WHERE id = $1', [id]);
  return result.rows[0] ?? {};
}

async function intent(id: string): Promise<unknown> {
  const result = await pool.query<{ intent: unknown }>(
    'SELECT intent FROM upwrite.mutation_intents WHERE mutation_id = $1',
    [id],
  );
  return result.rows[0]?.intent;
}

describe('a mutation', () => {
  test('is on disk once opened, and its values are gone once it is applied', async () => {
    const ticket = await journal.open(entry({ method: 'PATCH', path: '/composite/sobjects' }));
    expect(await mutation(ticket.id)).toMatchObject({
      state: 'sent',
      rows: 2,
      role: 'app',
      path: '/composite/sobjects',
    });
    expect(await intent(ticket.id)).toMatchObject([{ values: { email: 'a@caladan.io' } }, { idempotencyKey: 'k-2' }]);

    const client = await pool.connect();
    await beginApply(client, oid, 1000);
    await journal.finish(client, ticket, {
      state: 'applied',
      rows: [
        { outcome: 'applied', key: 'a', version: '2024-01-01T00:00:00Z' },
        { outcome: 'applied', key: 'b' },
      ],
      requests: 1,
      requestId: 'r-1',
      upstreamMs: 12.5,
      localMs: 3.25,
    });
    expect(await mutation(ticket.id)).toMatchObject({ state: 'sent' });
    await client.query('COMMIT');
    client.release();

    expect(await mutation(ticket.id)).toMatchObject({
      state: 'applied',
      applied_rows: 2,
      requests: 1,
      request_id: 'r-1',
      upstream_ms: 12.5,
      local_ms: 3.25,
      error: null,
      settled_at: expect.any(Date),
    });
    expect(await intent(ticket.id)).toEqual([
      { key: 'a', idempotencyKey: 'k-1', outcome: 'applied', version: '2024-01-01T00:00:00Z' },
      { key: 'b', idempotencyKey: 'k-2', outcome: 'applied' },
    ]);
    const writes = await pool.query(
      'SELECT key, version, deleted FROM upwrite.recent_writes WHERE table_oid = $1 ORDER BY key',
      [oid],
    );
    expect(writes.rows).toEqual([
      { key: 'a', version: '2024-01-01T00:00:00Z', deleted: false },
      { key: 'b', version: null, deleted: false },
    ]);
  });

  test('keeps the key that an insert was given by the API', async () => {
    const ticket = await journal.open(
      entry({ verb: 'insert', rows: [{ key: null, values: { email: 'c' }, idempotencyKey: 'k-3' }] }),
    );
    await journal.finish(pool, ticket, { state: 'applied', rows: [{ outcome: 'applied', key: '003c' }] });
    expect(await intent(ticket.id)).toEqual([{ key: '003c', idempotencyKey: 'k-3', outcome: 'applied' }]);
  });

  test('keeps each row apart where the API took only some', async () => {
    const ticket = await journal.open(entry());
    await journal.finish(pool, ticket, {
      state: 'partial',
      rows: [
        { outcome: 'applied', key: 'p' },
        { outcome: 'rejected', key: null, error: 'not a valid email address' },
      ],
      error: { sqlstate: 'UW001', message: 'salesforce applied 1 of 2 rows' },
    });
    expect(await mutation(ticket.id)).toMatchObject({ state: 'partial', applied_rows: 1, sqlstate: 'UW001' });
    expect(await intent(ticket.id)).toEqual([
      { key: 'p', idempotencyKey: 'k-1', outcome: 'applied' },
      { key: 'b', idempotencyKey: 'k-2', outcome: 'rejected', error: 'not a valid email address' },
    ]);
  });

  test('that was refused leaves no trace that would hold back the sync', async () => {
    const ticket = await journal.open(entry({ rows: [{ key: 'never', values: {}, idempotencyKey: 'k' }] }));
    await journal.refuse(ticket, {
      rows: [{ outcome: 'rejected', key: 'never' }],
      error: { sqlstate: '23514', message: 'salesforce validation error' },
    });
    expect(await mutation(ticket.id)).toMatchObject({ state: 'refused', applied_rows: 0, sqlstate: '23514' });
    const writes = await pool.query("SELECT FROM upwrite.recent_writes WHERE key = 'never'");
    expect(writes.rowCount).toBe(0);
  });

  test('can be held back, sent or cancelled, and never finished twice', async () => {
    const cancelled = await journal.open(entry({ state: 'pending' }));
    await journal.cancel(cancelled, { sqlstate: '57014', message: 'canceling statement due to user request' });
    expect(await mutation(cancelled.id)).toMatchObject({ state: 'cancelled', applied_rows: 0 });
    await expect(journal.markSent(cancelled)).rejects.toBeInstanceOf(NotOwner);

    const sent = await journal.open(entry({ state: 'pending' }));
    await expect(journal.refuse(sent, {})).rejects.toBeInstanceOf(NotOwner);
    await journal.markSent(sent);
    await journal.refuse(sent, {});
    await expect(journal.finish(pool, sent, { state: 'applied' })).rejects.toBeInstanceOf(NotOwner);
    expect(await mutation(sent.id)).toMatchObject({ state: 'refused' });
  });

  test('finished by two at once is finished by one', async () => {
    const ticket = await journal.open(entry());
    const results = await Promise.allSettled([
      journal.finish(pool, ticket, { state: 'applied' }),
      journal.finish(pool, ticket, { state: 'refused' }),
    ]);
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
  });
});

describe('settling', () => {
  test('an upsert is kept with its key, and has made what the API said was new', async () => {
    const row = (key: string) => ({ key: null, values: { email: key }, idempotencyKey: `k-${key}` });
    const insert = await journal.open(entry({ verb: 'insert', rows: [row('ins')] }));
    const upsert = await journal.open(entry({ verb: 'upsert', conflict: ['email'], rows: ['made', 'found'].map(row) }));
    await journal.markUnknown(insert, { settleAfterMs: 0 });
    await journal.finish(pool, upsert, {
      state: 'applied',
      rows: [
        { outcome: 'applied', key: 'made', created: true },
        { outcome: 'applied', key: 'found', created: false },
      ],
    });
    const [unsettled] = await journal.claimUnsettled(10, 60_000);
    if (unsettled === undefined) throw new Error('nothing was claimed');
    expect(await journal.claimedBy(pool, unsettled, ['made', 'found'])).toEqual({ keys: ['made'], twins: false });
    await journal.finish(pool, unsettled.ticket, { state: 'undecided' });

    const open = await journal.open(entry({ verb: 'upsert', conflict: ['email'], rows: [row('lost')] }));
    await journal.markUnknown(open, { settleAfterMs: 0 });
    const [lost] = await journal.claimUnsettled(10, 60_000);
    expect(lost).toMatchObject({ verb: 'upsert', conflict: ['email'] });
    await journal.finish(pool, lost?.ticket ?? open, { state: 'undecided' });
    expect(await mutation(open.id)).toMatchObject({ verb: 'upsert', state: 'undecided' });
  });

  test('a mutation of unknown outcome comes up when its time has come, with all that is needed to settle it', async () => {
    const ticket = await journal.open(entry({ rows: [{ key: 'u', values: { email: 'u' }, idempotencyKey: 'k-u' }] }));
    expect(await journal.claimUnsettled(10, 60_000)).toEqual([]);
    await journal.markUnknown(ticket, {
      error: { sqlstate: '40003', message: 'no answer' },
      settleAfterMs: 0,
    });
    expect(await mutation(ticket.id)).toMatchObject({ state: 'unknown', applied_rows: null, settled_at: null });

    const claimed = await journal.claimUnsettled(10, 60_000);
    expect(claimed).toEqual([
      {
        ticket: { id: ticket.id, claim: 1 },
        left: 'unknown',
        role: 'app',
        connection: 'salesforce',
        provider: 'salesforce',
        tableOid: oid,
        schema: 'salesforce',
        table: 'contacts',
        verb: 'update',
        conflict: [],
        rows: [{ key: 'u', values: { email: 'u' }, idempotencyKey: 'k-u' }],
        sentAt: expect.any(Number),
        attempts: 0,
        age: expect.any(Number),
      },
    ]);
    expect(await journal.claimUnsettled(10, 60_000)).toEqual([]);

    await expect(journal.finish(pool, ticket, { state: 'applied' })).rejects.toBeInstanceOf(NotOwner);
    const claim = claimed[0];
    if (claim === undefined) throw new Error('nothing was claimed');
    await journal.markUnknown(claim.ticket, { settleAfterMs: 0 });
    const again = await journal.claimUnsettled(10, 60_000);
    expect(again.map((each) => [each.ticket, each.attempts])).toEqual([[{ id: ticket.id, claim: 2 }, 1]]);
    await journal.finish(pool, { id: ticket.id, claim: 2 }, { state: 'undecided' });
    expect(await mutation(ticket.id)).toMatchObject({ state: 'undecided' });
  });

  test("a dead process's mutations are another's, a living one's are its own", async () => {
    const living = await takeLease(pool, { kind: 'test', onError: () => {} });
    const theirs = openJournal(pool, living.id);
    const sent = await theirs.open(entry({ settleAfterMs: 0 }));
    const held = await theirs.open(entry({ settleAfterMs: 0, state: 'pending' }));
    expect(await journal.claimUnsettled(10, 60_000)).toEqual([]);

    await living.release();
    const [first, second] = await Promise.all([journal.claimUnsettled(10, 60_000), journal.claimUnsettled(10, 60_000)]);
    const claimed = [...first, ...second];
    expect(claimed.map((each) => [each.ticket.id, each.left]).sort()).toEqual(
      [
        [sent.id, 'unknown'],
        [held.id, 'pending'],
      ].sort(),
    );
    await expect(theirs.finish(pool, sent, { state: 'applied' })).rejects.toBeInstanceOf(NotOwner);
    for (const each of claimed) await journal.finish(pool, each.ticket, { state: 'cancelled' });
  });

  test('a lease that runs out frees what its process had', async () => {
    const dying = await takeLease(pool, { kind: 'test', leaseMs: 1, renewMs: 3_600_000, onError: () => {} });
    const ticket = await openJournal(pool, dying.id).open(entry({ settleAfterMs: 0 }));
    await pool.query('SELECT pg_sleep(0.01)');
    const claimed = await journal.claimUnsettled(10, 60_000);
    expect(claimed.map((each) => each.ticket.id)).toEqual([ticket.id]);
    for (const each of claimed) await journal.refuse(each.ticket, {});
    await dying.release();
  });
});

test('a role reads its own mutations and those of tables that it may read, and no values', async () => {
  await pool.query(
    'CREATE SCHEMA hidden; CREATE TABLE hidden.deals (id text PRIMARY KEY); REVOKE ALL ON hidden.deals FROM app',
  );
  const found = await pool.query<{ oid: number }>("SELECT 'hidden.deals'::regclass::oid AS oid");
  const hidden = { tableOid: found.rows[0]?.oid ?? 0, schema: 'hidden', table: 'deals' };
  const others = await journal.open(entry({ ...hidden, role: 'somebody' }));
  const own = await journal.open(entry({ ...hidden, role: 'app' }));
  const readable = await journal.open(entry({ role: 'somebody' }));

  const app = await connect(server.url());
  const seen = await app.query<{ id: string }>('SELECT * FROM upwrite.mutations WHERE id = ANY ($1)', [
    [others.id, own.id, readable.id],
  ]);
  expect(seen.rows.map((row) => row.id).sort()).toEqual([own.id, readable.id].sort());
  for (const relation of [
    'mutation_intents',
    'table_details',
    'recent_writes',
    'stale_keys',
    'swept_keys',
    'processes',
    'migrations',
    'write_order',
  ]) {
    await expect(app.query(`SELECT * FROM upwrite.${relation}`), relation).rejects.toMatchObject({ code: '42501' });
  }
  await expect(app.query("UPDATE upwrite.mutations SET state = 'applied'")).rejects.toMatchObject({ code: '42501' });
  await expect(app.query('DELETE FROM upwrite.tables')).rejects.toMatchObject({ code: '42501' });
  expect((await app.query('SELECT * FROM upwrite.tables')).rows).toEqual([]);
});

test('old entries are pruned once their outcome is final, and only then', async () => {
  const open = await journal.open(entry());
  const done = await journal.open(entry());
  await journal.refuse(done, {});
  await pool.query("UPDATE upwrite.mutations SET at = at - interval '2 days' WHERE id = ANY ($1)", [
    [open.id, done.id],
  ]);
  expect(await journal.prune(86_400_000)).toBe(1);
  expect(await mutation(done.id)).toEqual({});
  expect(await intent(done.id)).toBeUndefined();
  expect(await mutation(open.id)).toMatchObject({ state: 'sent' });
});
