/** The boards in a real database: what processes share, who is dead, who is told. */
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BudgetOptions, SharedBudget } from '../../src/provider/index.js';
import { type Boards, internalOptions, type Lease, migrate, openBoards, takeLease } from '../../src/store/index.js';
import { ownPool } from '../support/database.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres.js';
import { waitFor } from '../support/wait.js';

let server: TestPostgres;
let pool: pg.Pool;

beforeAll(async () => {
  server = await startTestPostgres();
  pool = ownPool(server.upwriteUrl, 12);
  await migrate(pool);
});

const open: { readonly boards: Boards; readonly budgets: Map<string, SharedBudget> }[] = [];
afterAll(async () => {
  for (const { boards } of open) await boards.stop();
});

/** What a process has: a lease of its own, boards, budgets by name. */
async function startProcess() {
  const hour = 3_600_000;
  const taken: Lease = await takeLease(pool, { kind: 'test', onError: () => {}, leaseMs: hour, renewMs: hour });
  let isDead = false;
  const lease: Lease = { ...taken, isHeld: () => !isDead };
  /** As if its lease had run out, when the test wants it. */
  const die = async (): Promise<void> => {
    isDead = true;
    await pool.query('UPDATE upwrite.processes SET lease_until = clock_timestamp() WHERE id = $1', [lease.id]);
  };
  const budgets = new Map<string, SharedBudget>();
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const connection = { connectionString: server.upwriteUrl, options: internalOptions };
  const boards = openBoards({
    pool,
    connection,
    lease,
    onTold: (name) => budgets.get(name)?.look(),
    onListening: () => {
      for (const budget of budgets.values()) budget.look();
    },
    onError,
  });
  const budget = (name: string, limits: Partial<BudgetOptions>): SharedBudget => {
    const made = new SharedBudget({ provider: 'acme', now: Date.now, name, boards, onError, ...limits });
    budgets.set(name, made);
    return made;
  };
  open.push({ boards, budgets });
  return { boards, budget, errors, die };
}

const request = (lane: 'write' | 'sync') => ({
  lane,
  deadline: Date.now() + 20_000,
  signal: new AbortController().signal,
});

test('processes share a window of a limit, and one that is told gives to one that lacks', async () => {
  const one = await startProcess();
  const two = await startProcess();
  const limits = { perWindow: 4, windowMillis: 300 };
  const starts: number[] = [];
  const first = one.budget('shared', limits);
  const second = two.budget('shared', limits);
  const use = async (budget: SharedBudget, lane: 'write' | 'sync'): Promise<void> => {
    (await budget.take(request(lane)))();
    starts.push(Date.now());
  };
  await Promise.all([
    ...Array.from({ length: 12 }, () => use(first, 'sync')),
    ...Array.from({ length: 8 }, () => use(second, 'write')),
  ]);
  starts.sort((a, b) => a - b);
  expect(starts).toHaveLength(20);
  for (const [index, start] of starts.entries()) {
    // A process may be slow in noting the time, never the budget early in letting it go.
    const before = starts[index - 4];
    if (before !== undefined && index >= 8) expect(start - before).toBeGreaterThan(200);
  }
  const { rows } = await pool.query<{ state: { held: Record<string, number>; free: readonly number[] } }>(
    "SELECT state FROM upwrite.budgets WHERE name = 'shared'",
  );
  const [board] = rows;
  const held = Object.values(board?.state.held ?? {}).reduce((sum, count) => sum + count, 0);
  expect(held + (board?.state.free.length ?? 0)).toBe(4);
  expect([...one.errors, ...two.errors]).toEqual([]);
});

test('changes of one board at the same time lose nothing', async () => {
  const { boards, errors } = await startProcess();
  await Promise.all(
    Array.from({ length: 20 }, () =>
      boards.change('counter', (state) => {
        const count = typeof state === 'object' && state !== null ? Number(Reflect.get(state, 'count')) : 0;
        return { state: { count: count + 1 }, tell: false, result: count };
      }),
    ),
  );
  const { rows } = await pool.query("SELECT state FROM upwrite.budgets WHERE name = 'counter'");
  expect(rows).toEqual([{ state: { count: 20 } }]);
  expect(errors).toEqual([]);
});

test('what a dead process held is there for others once its lease has run out', async () => {
  const dead = await startProcess();
  const living = await startProcess();
  const limits = { concurrency: 2 };
  const lost = dead.budget('dead', limits);
  await lost.take(request('sync'));
  await lost.take(request('sync'));
  const heir = living.budget('dead', limits);
  const taking = heir.take(request('write'));
  await dead.die();
  (await taking)();
  (await heir.take(request('write')))();
  // The one that was taken for dead sends nothing with what it had.
  await expect(lost.take({ ...request('write'), deadline: Date.now() + 50 })).rejects.toMatchObject({
    fault: { code: 'rate_limited' },
  });
});

test('a limit that one process is told of holds for all', async () => {
  const one = (await startProcess()).budget('closed', {});
  const two = (await startProcess()).budget('closed', {});
  (await two.take(request('sync')))();
  (await one.take(request('sync')))();
  one.report({ closedUntil: Date.now() + 3_600_000 });
  const isClosed = async (): Promise<boolean> =>
    two.take(request('write')).then(
      (giveBack) => {
        giveBack();
        return false;
      },
      () => true,
    );
  await waitFor('the other to hear of it', isClosed);
});

test('listening goes on after the connection was lost', async () => {
  const one = await startProcess();
  const two = await startProcess();
  const limits = { concurrency: 1 };
  const first = one.budget('again', limits);
  const second = two.budget('again', limits);
  (await first.take(request('sync')))();
  const killed = await pool.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN upwrite_budgets%'",
  );
  expect(killed.rowCount).toBeGreaterThan(0);
  (await second.take(request('write')))();
  (await first.take(request('write')))();
});
