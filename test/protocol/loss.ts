/** A database that is killed under its sessions, and comes back. */
import process from 'node:process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { hasProcFs, openSockets } from '../support/child.js';
import { type Cluster, startCluster } from '../support/cluster.js';
import { startUnderTest, type UnderTest } from '../support/under-test.js';
import { waitFor } from '../support/wait.js';
import { play } from './case.js';
import { RawConnection } from './raw/connection.js';
import * as fe from './raw/frontend.js';
import { logIn, openLoggedIn } from './raw/login.js';
import { errorFields } from './raw/transcript.js';

/** Declares its tests, with connections read past Node or not. */
export function lossTests(directIo: 'auto' | 'always'): void {
  let cluster: Cluster;
  let proxy: UnderTest;

  beforeAll(async () => {
    cluster = await startCluster();
    proxy = await startUnderTest(cluster, { directIo });
  }, 120_000);

  afterAll(async () => {
    await proxy?.stop();
    await cluster?.stop();
  });

  const loggedIn = (): Promise<RawConnection> => openLoggedIn(proxy);

  it('ends every session when the postmaster is killed, refuses while it is away, and serves when it is back', async () => {
    const before = hasProcFs ? openSockets(proxy.pid) : 0;
    const idle = await loggedIn();
    const reading = await loggedIn();
    await play(reading, [[fe.query("select repeat('x', 100000) from generate_series(1, 10000)"), 'D']]);
    const writing = await loggedIn();
    await play(writing, [[fe.query('create temp table t (a text); copy t from stdin'), 'G']]);

    cluster.kill();
    await Promise.all([idle, reading, writing].map((connection) => connection.untilClosed()));
    if (hasProcFs) await waitFor('the sockets of the proxy to close', () => openSockets(proxy.pid) <= before);

    if (proxy.kind === 'upwrite') {
      const refused = await RawConnection.open(proxy);
      expect(await logIn(refused)).toBe(false);
      expect(refused.transcript[0]).toMatch(/^E SFATAL\\00VFATAL\\00C(08001|08004|08006|57P03)/);
    }

    await cluster.restart();
    const again = await loggedIn();
    await play(again, [
      [fe.query("select 'back'"), 'Z'],
      [fe.terminate, '$'],
    ]);
    expect(again.transcript).toContain('C SELECT 1\\00');
  }, 120_000);

  it('passes on what the database says when a backend crashes beside the session', async () => {
    const bystander = await loggedIn();
    const victim = await loggedIn();
    await victim.send(fe.query('select pg_backend_pid()'));
    const row = await victim.until('D');
    process.kill(Number(row?.body.subarray(6).toString()), 'SIGKILL');
    await victim.untilClosed();
    const told = await bystander.until('N');
    expect(told === null ? '' : errorFields(told.body)['C']).toBe('57P02');
    await bystander.untilClosed();
  }, 60_000);
}
