/** Every case on a plain table directly and on a synced one through the proxy, compared message by message. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testedVersion } from '../support/postgres.js';
import { type Case, type Side, transcribe } from './case.js';
import { areas } from './cases/index.js';
import { differences } from './differences.js';
import { startWorld, stopWorld, type World } from './world.js';

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(stopWorld);

interface Observed {
  readonly lines: readonly string[];
  readonly contents: readonly string[];
}

async function observe(subject: Case, side: Side): Promise<Observed> {
  const lines = await transcribe(subject, side);
  return { lines, contents: await side.contents() };
}

for (const [area, cases] of Object.entries(areas)) {
  describe(area, () => {
    const known = cases.filter((subject) => (subject.since ?? 0) <= testedVersion);
    it.each(known.map((subject) => [subject.name, subject] as const))(
      '%s',
      async (_name, subject) => {
        await world.reset();
        const plain = await observe(subject, world.plain);
        const synced = await observe(subject, world.synced);
        const difference = subject.differs === undefined ? null : differences[subject.differs];
        expect(plain.lines.length, 'the case reads something').toBeGreaterThan(0);
        expect(difference?.lines?.(synced.lines, plain.lines) ?? synced.lines).toEqual(plain.lines);
        expect(difference?.contents?.(synced.contents, plain.contents) ?? synced.contents).toEqual(plain.contents);
        expect(world.api.batches.length, 'batches sent').toBe(subject.sends ?? 1);
        expect(world.complaints()).toEqual([]);
        // One of them is a thousand writes.
      },
      180_000,
    );
  });
}

describe('the suite', () => {
  const all = Object.values(areas).flat();

  it('has a name of its own for every case', () => {
    const names = Object.entries(areas).flatMap(([area, cases]) => cases.map((subject) => `${area}: ${subject.name}`));
    expect(new Set(names).size).toBe(names.length);
  });

  it('uses every allowed difference', () => {
    const used = new Set(all.map((subject) => subject.differs).filter((name) => name !== undefined));
    expect([...used].sort()).toEqual(Object.keys(differences).sort());
  });
});
