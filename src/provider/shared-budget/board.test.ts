import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Ask, type BoardState, exchange, freshBoard, isBoardState } from './board.js';

const nothing = { write: 0, sync: 0 };
const all = new Set(['a', 'b', 'c']);

function ask(holder: string, more: Partial<Ask> = {}): Ask {
  return {
    holder,
    size: 8,
    windowMillis: 1000,
    holds: 0,
    spare: [],
    waiting: nothing,
    missing: nothing,
    recent: 0,
    fresh: 0,
    ...more,
  };
}

/** Asks with so many requests waiting, of which permits are missing for all. */
function wanting(holder: string, lane: 'write' | 'sync', count: number, more: Partial<Ask> = {}): Ask {
  const wants = { ...nothing, [lane]: count };
  return ask(holder, { waiting: wants, missing: wants, ...more });
}

function total({ free, held }: BoardState): number {
  return free.length + Object.values(held).reduce((sum, count) => sum + count, 0);
}

describe('a board', () => {
  it('never has more or fewer permits than the limit, whatever is asked', () => {
    const count = fc.nat({ max: 12 });
    const step = fc.record({
      holder: fc.constantFrom('a', 'b', 'c'),
      spare: count,
      write: count,
      sync: count,
      recent: count,
      passes: fc.nat({ max: 3000 }),
      alive: fc.subarray(['a', 'b', 'c']),
      isLeaving: fc.boolean(),
      forgets: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 }), fc.array(step, { maxLength: 40 }), (size, steps) => {
        let state = freshBoard(size, 0);
        let now = 1000;
        const holds: Record<string, number> = { a: 0, b: 0, c: 0 };
        for (const { holder, spare, write, sync, recent, passes, alive, isLeaving, forgets } of steps) {
          now += passes;
          if (forgets) holds[holder] = 0;
          const own = holds[holder] ?? 0;
          const done = exchange(
            state,
            ask(holder, {
              size,
              holds: own,
              spare: Array.from({ length: Math.min(own, spare) }, (_, index) => index * 10),
              waiting: { write, sync },
              missing: { write, sync },
              recent,
              isLeaving,
            }),
            now,
            new Set(alive),
          );
          state = done.state;
          const { granted, given, lost } = done.answer;
          holds[holder] = own - lost - given + granted.length;
          expect(total(state)).toBe(size);
          expect(state.held[holder] ?? 0).toBe(holds[holder]);
          expect(holds[holder]).toBeGreaterThanOrEqual(0);
          expect(isBoardState(JSON.parse(JSON.stringify(state)))).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('gives a process alone what it wants, and some in advance', () => {
    const { state, answer } = exchange(freshBoard(8, 0), wanting('a', 'sync', 2), 5000, all);
    expect(answer.granted).toEqual([0, 0, 0]);
    expect(state.held).toEqual({ a: 3 });
    expect(answer.tell).toBe(false);
  });

  it('has a holder give for the write of another, though its own sync waits', () => {
    const full: BoardState = { ...freshBoard(8, 0), free: [], held: { a: 8 } };
    const asked = exchange(full, wanting('b', 'write', 2), 5000, all);
    expect(asked.answer).toMatchObject({ granted: [], tell: true });
    const spare = [0, 0, 100, 200, 300, 400, 500, 600];
    const gave = exchange(asked.state, wanting('a', 'sync', 20, { holds: 8, spare }), 5010, all);
    expect(gave.answer).toMatchObject({ given: 2, granted: [], others: nothing, tell: true });
    // What a gives is not for whoever comes first, but for the write.
    const other = exchange(gave.state, wanting('c', 'sync', 5), 5011, all);
    expect(other.answer.granted).toEqual([]);
    const got = exchange(other.state, wanting('b', 'write', 2), 5020, all);
    expect(got.answer.granted).toEqual([0, 0]);
  });

  it('keeps permits in use from coming back too early', () => {
    const full: BoardState = { ...freshBoard(2, 0), free: [], held: { a: 2 } };
    const asked = exchange(full, wanting('b', 'write', 1, { size: 2 }), 5000, all);
    const gave = exchange(asked.state, ask('a', { size: 2, holds: 2, spare: [700, 900] }), 5010, all);
    const got = exchange(gave.state, wanting('b', 'write', 1, { size: 2 }), 5110, all);
    expect(got.answer.granted).toEqual([600]);
  });

  it('shares equally between those who want the same, and then rests', () => {
    const full: BoardState = { ...freshBoard(8, 0), free: [], held: { a: 8 } };
    const asked = exchange(full, wanting('b', 'sync', 20), 5000, all);
    const spare = Array.from({ length: 8 }, () => 0);
    const gave = exchange(asked.state, wanting('a', 'sync', 20, { holds: 8, spare }), 5010, all);
    expect(gave.answer.given).toBe(4);
    const got = exchange(gave.state, wanting('b', 'sync', 20), 5020, all);
    expect(got.state.held).toEqual({ a: 4, b: 4 });
    const again = exchange(got.state, wanting('a', 'sync', 20, { holds: 4, spare: [0, 0, 0, 0] }), 5030, all);
    expect(again.answer).toMatchObject({ given: 0, granted: [] });
  });

  it('takes back what the dead had, once the API does not count it any more', () => {
    const full: BoardState = { ...freshBoard(8, 0), free: [], held: { a: 6, b: 2 } };
    const { state, answer } = exchange(full, wanting('b', 'write', 1, { holds: 2 }), 5000, new Set(['b']));
    expect(answer.granted).toEqual([1000, 1000]);
    expect(state.held).toEqual({ b: 4 });
    // One that was only taken for dead has nothing any more.
    expect(exchange(state, ask('a', { holds: 6 }), 6000, all).answer.lost).toBe(6);
  });

  it('follows a limit that is configured anew', () => {
    const grown = exchange(freshBoard(2, 0), wanting('a', 'sync', 9, { size: 8 }), 5000, all);
    expect(total(grown.state)).toBe(8);
    const spare = Array.from({ length: 8 }, () => 0);
    const shrunk = exchange(grown.state, ask('a', { size: 3, holds: 8, spare }), 5000, all);
    expect(shrunk.answer.given).toBe(5);
    expect(total(shrunk.state)).toBe(3);
  });

  it('tells all of an API that is closed, until it opens', () => {
    const closed = exchange(freshBoard(8, 0), ask('a', { closedFor: 30_000 }), 5000, all);
    expect(closed.answer.tell).toBe(true);
    expect(exchange(closed.state, ask('b'), 6000, all).answer.closedFor).toBe(29_000);
    expect(exchange(closed.state, ask('b'), 40_000, all).answer.closedFor).toBe(0);
  });

  it('is not taken for one when it is something else', () => {
    for (const value of [null, 1, {}, { ...freshBoard(1, 0), free: ['x'] }, { ...freshBoard(1, 0), held: [] }]) {
      expect(isBoardState(value)).toBe(false);
    }
  });
});
