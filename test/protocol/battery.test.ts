/** Every protocol case, directly and through the proxy, compared message by message. */
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cluster, startCluster } from '../support/cluster.js';
import { testedVersion } from '../support/postgres.js';
import { startUnderTest, type UnderTest } from '../support/under-test.js';
import { type Case, transcribe } from './case.js';
import { areas } from './cases/index.js';
import { allowed, differences } from './differences.js';

let cluster: Cluster;
let proxy: UnderTest;
/** The same, past Node from the first byte on. */
let past: UnderTest;
let control: pg.Client;

beforeAll(async () => {
  cluster = await startCluster();
  [proxy, past] = await Promise.all([startUnderTest(cluster), startUnderTest(cluster, { directIo: 'always' })]);
  control = await cluster.connect();
});

afterAll(async () => {
  await control?.end();
  await Promise.all([proxy?.stop(), past?.stop()]);
  await cluster?.stop();
});

/** What the proxy has to answer where the database answers `direct`. */
function expected(subject: Case, direct: readonly string[]): readonly string[] {
  return subject.differs === undefined || proxy.kind !== 'upwrite' ? direct : allowed(direct, subject.differs);
}

/** Writes what the database said to the folder UPWRITE_TEST_TRANSCRIPTS, for reading. */
async function keep(area: string, name: string, lines: readonly string[]): Promise<void> {
  const folder = process.env['UPWRITE_TEST_TRANSCRIPTS'];
  if (folder !== undefined) await appendFile(join(folder, `${area}.txt`), `# ${name}\n${lines.join('\n')}\n\n`);
}

for (const [area, cases] of Object.entries(areas)) {
  describe(area, () => {
    const known = cases.filter(({ since = 0 }) => since <= testedVersion);
    it.each(known.map((subject) => [subject.name, subject] as const))('%s', async (_name, subject) => {
      const context = { control, ca: cluster.tls.ca };
      const direct = await transcribe(subject, cluster, context);
      await keep(area, subject.name, direct);
      const proxied = await transcribe(subject, proxy, context);
      expect(direct.length, 'the case reads something').toBeGreaterThan(0);
      expect(proxied).toEqual(expected(subject, direct));
      expect(await transcribe(subject, past, context)).toEqual(expected(subject, direct));
    });
  });
}

describe('the battery', () => {
  const all = Object.values(areas).flat();

  it('has a name of its own for every case', () => {
    const names = Object.entries(areas).flatMap(([area, cases]) => cases.map((subject) => `${area}: ${subject.name}`));
    expect(new Set(names).size).toBe(names.length);
  });

  it('uses every allowed difference', () => {
    const used = new Set(all.flatMap((subject) => subject.differs?.because ?? []));
    expect([...used].sort()).toEqual(Object.keys(differences).sort());
  });
});
