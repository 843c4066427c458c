import { describe, expect, it } from 'vitest';
import { FaultError } from '../errors/index.js';
import { Gate, type Place } from './gate.js';

/** Of a statement that nobody stops. */
const never = (): AbortSignal => new AbortController().signal;
const place = (table: number, connection = 'a'): Place => ({ provider: 'salesforce', connection, table });

/** Lets what is ready run. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function gate(maxInFlight: number, queueTimeout = 60_000): Gate {
  return new Gate({ maxInFlight, queueTimeout });
}

/** Queues writes with names; who has entered is noted in order. */
function queue(of: Gate, names: readonly (readonly [string, Place])[]) {
  const entered: string[] = [];
  const leave = new Map<string, () => void>();
  for (const [name, where] of names) {
    void of.enter(where, never()).then((left) => {
      entered.push(name);
      leave.set(name, left);
    });
  }
  return { entered, leave };
}

describe('the gate', () => {
  it('lets so many in, and the others in order', async () => {
    const subject = gate(2);
    const { entered, leave } = queue(subject, [
      ['first', place(1, 'a')],
      ['second', place(2, 'b')],
      ['third', place(3, 'c')],
      ['fourth', place(4, 'd')],
    ]);
    await turn();
    expect([entered, subject.inFlight, subject.queued]).toEqual([['first', 'second'], 2, 2]);
    leave.get('second')?.();
    leave.get('second')?.();
    await turn();
    expect([entered, subject.inFlight, subject.queued]).toEqual([['first', 'second', 'third'], 2, 1]);
    leave.get('first')?.();
    await turn();
    expect([entered.at(-1), subject.inFlight, subject.queued]).toEqual(['fourth', 2, 0]);
  });

  it('keeps a quarter of the places from one table, and an eighth from one API', async () => {
    const subject = gate(8);
    const same = Array.from({ length: 10 }, (_, i) => [`table 1, ${i}`, place(1)] as const);
    const { entered } = queue(subject, same);
    await turn();
    expect([entered.length, subject.queued]).toEqual([6, 4]);
    const beside = queue(subject, [
      ['the same API', place(2)],
      ['the same API again', place(3)],
      ['another API', place(4, 'b')],
    ]);
    await turn();
    expect([beside.entered, subject.inFlight]).toEqual([['the same API', 'another API'], 8]);
  });

  it('gives what slow APIs give back to one that has none, however many they are', async () => {
    const subject = gate(64);
    const apis = ['a', 'b', 'c', 'd', 'e'].map((api) => {
      // Each has more to write than it may, to a table of its own each time.
      const writes = Array.from(
        { length: 128 },
        (_, i) => [`${api}${i}`, place(1000 * api.charCodeAt(0) + i, api)] as const,
      );
      return queue(subject, writes);
    });
    await turn();
    expect(apis.map(({ entered }) => entered.length)).toEqual([56, 7, 1, 0, 0]);
    const { entered } = queue(subject, [['another', place(1, 'f')]]);
    for (const leave of [...(apis[0]?.leave.values() ?? [])].slice(0, 3)) {
      leave();
      await turn();
    }
    expect(apis.map((api) => api.entered.length)).toEqual([56, 7, 1, 1, 1]);
    expect(entered).toEqual(['another']);
  });

  it('gives a place to the longest waiting that may have it', async () => {
    const subject = gate(4);
    const { entered, leave } = queue(subject, [
      ['1', place(1)],
      ['2', place(1)],
      ['3', place(1)],
      ['4', place(1)],
      ['other', place(2)],
      ['other, too', place(2)],
    ]);
    await turn();
    expect(entered).toEqual(['1', '2', '3', 'other']);
    leave.get('other')?.();
    await turn();
    expect(entered.at(-1)).toBe('other, too');
    leave.get('1')?.();
    await turn();
    expect([entered.at(-1), subject.queued]).toEqual(['4', 0]);
  });

  it('refuses who waits too long, and forgets it', async () => {
    const subject = gate(1, 5);
    const leave = await subject.enter(place(1), never());
    const refused = await subject.enter(place(2), never()).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(FaultError);
    expect(refused).toMatchObject({ fault: { code: 'queue_timeout', sqlstate: '53400' } });
    expect(subject.queued).toBe(0);
    leave();
    expect(subject.inFlight).toBe(0);
    (await subject.enter(place(2), never()))();
  });

  it('lets who is stopped out of the queue, also when it was stopped before', async () => {
    const subject = gate(1);
    await subject.enter(place(1), never());
    const stop = new AbortController();
    const waiting = subject.enter(place(2), stop.signal).catch((reason: unknown) => reason);
    expect(subject.queued).toBe(1);
    stop.abort('cancelled');
    expect(await waiting).toBe('cancelled');
    expect(await subject.enter(place(2), stop.signal).catch((reason: unknown) => reason)).toBe('cancelled');
    expect([subject.inFlight, subject.queued]).toEqual([1, 0]);
  });
});
