/** Many sessions at once, and readers and databases that stall: what the proxy's memory does meanwhile. */
import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { hasProcFs, openSockets, residentBytes } from '../support/child.js';
import { type Cluster, startCluster } from '../support/cluster.js';
import { startUnderTest, type UnderTest } from '../support/under-test.js';
import { waitFor } from '../support/wait.js';
import { play } from './case.js';
import type { RawConnection } from './raw/connection.js';
import * as fe from './raw/frontend.js';
import { openLoggedIn } from './raw/login.js';

const megabyte = 1024 * 1024;
/** More memory than a stalled session may cost: buffers of both sides and the collector's slack, not the data. */
const allowance = 64 * megabyte;

/** Declares its tests, with connections read past Node or not. */
export function loadTests(directIo: 'auto' | 'always'): void {
  let cluster: Cluster;
  let proxy: UnderTest;
  let control: pg.Client;

  beforeAll(async () => {
    cluster = await startCluster();
    proxy = await startUnderTest(cluster, { directIo });
    control = await cluster.connect();
  }, 120_000);

  afterAll(async () => {
    await control?.end();
    await proxy?.stop();
    await cluster?.stop();
  });

  const loggedIn = (): Promise<RawConnection> => openLoggedIn(proxy);

  /** Resolves when nothing has moved for 100 looks in a row. */
  async function settled(what: string, amount: () => number): Promise<void> {
    let last = -1;
    let same = 0;
    await waitFor(
      what,
      () => {
        const now = amount();
        same = now === last ? same + 1 : 0;
        last = now;
        return same > 100;
      },
      60_000,
    );
  }

  async function allEnded(): Promise<void> {
    await waitFor('every session to end', async () => {
      const found = await control.query("select from pg_stat_activity where application_name = 'battery'");
      return found.rowCount === 0;
    });
  }

  it('serves 500 connections at once, and frees them', async () => {
    const before = hasProcFs ? openSockets(proxy.pid) : 0;
    const all = await Promise.all(Array.from({ length: 500 }, loggedIn));
    await Promise.all(all.map((connection, at) => connection.send(fe.query(`select ${at} as n`))));
    const rows = await Promise.all(all.map((connection) => connection.until('D')));
    expect(rows.map((row) => row?.body.subarray(6).toString())).toEqual(all.map((_, at) => String(at)));
    const active = await control.query("select from pg_stat_activity where application_name = 'battery'");
    expect(active.rowCount).toBe(500);
    for (const connection of all) connection.vanish('FIN');
    await allEnded();
    if (hasProcFs) await waitFor('the sockets of the proxy to close', () => openSockets(proxy.pid) <= before);
  }, 120_000);

  it.runIf(hasProcFs)('keeps its memory while a reader stalls under a result of 500 MB', async () => {
    const reader = await loggedIn();
    const before = residentBytes(proxy.pid);
    reader.stall();
    await reader.send(fe.query("select repeat('x', 1000000) from generate_series(1, 500)"));
    await waitFor('the backend to wait for its client', async () => {
      const found = await control.query(
        "select from pg_stat_activity where application_name = 'battery' and wait_event = 'ClientWrite'",
      );
      return found.rowCount === 1;
    });
    await settled('the memory of the proxy to stay', () => residentBytes(proxy.pid));
    expect(residentBytes(proxy.pid) - before).toBeLessThan(allowance);
    reader.resume();
    let rows = 0;
    for (let message = await reader.next(); message?.type !== 'Z'; message = await reader.next()) {
      if (message === null) break;
      if (message.type === 'D') rows++;
      reader.transcript.length = 0;
    }
    expect(rows).toBe(500);
    expect(residentBytes(proxy.pid) - before).toBeLessThan(allowance);
    reader.vanish('FIN');
    await allEnded();
  });

  it.runIf(hasProcFs)('keeps its memory, and stops the client, while a COPY IN waits for a lock', async () => {
    await control.query('create table blocked (a text)');
    await control.query('begin; lock table blocked in access exclusive mode');
    const writer = await loggedIn();
    const before = residentBytes(proxy.pid);
    await writer.send(fe.query('copy blocked from stdin'));
    const chunk = fe.copyData(`${'c'.repeat(megabyte - 1)}\n`);
    let taken = 0;
    const writing = (async () => {
      for (let sent = 0; sent < 200; sent++) {
        await writer.send(chunk);
        taken++;
      }
      await writer.send(fe.copyDone);
    })();
    await settled('the writer to be stopped', () => taken);
    expect(taken).toBeLessThan(100);
    expect(residentBytes(proxy.pid) - before).toBeLessThan(allowance);
    await control.query('commit');
    await play(writer, [[Buffer.alloc(0), 'GC']]);
    await writing;
    await writer.until('Z');
    expect(writer.transcript.at(-2)).toBe('C COPY 200\\00');
    writer.vanish('FIN');
    await allEnded();
  });

  it('goes on serving others while one reader stalls', async () => {
    const stalled = await loggedIn();
    stalled.stall();
    await stalled.send(fe.query("select repeat('x', 1000000) from generate_series(1, 200)"));
    for (let round = 0; round < 20; round++) {
      const other = await loggedIn();
      await play(other, [
        [fe.query("select repeat('y', 1000000)"), 'Z'],
        [fe.terminate, '$'],
      ]);
      expect(other.transcript).toContain('C SELECT 1\\00');
    }
    stalled.vanish('RST');
    await allEnded();
  }, 120_000);
}
