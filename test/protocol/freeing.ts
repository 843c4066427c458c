/** Whoever vanishes, at whatever moment: the session in the database and the proxy's sockets are freed. */
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { hasProcFs, openSockets } from '../support/child.js';
import { type Cluster, startCluster } from '../support/cluster.js';
import { testedVersion } from '../support/postgres.js';
import { startUnderTest, type UnderTest } from '../support/under-test.js';
import { waitFor } from '../support/wait.js';
import type { World } from './case.js';
import { RawConnection } from './raw/connection.js';
import * as fe from './raw/frontend.js';
import { logIn } from './raw/login.js';
import { heldLock, stages } from './stages.js';

/** Declares its tests, with connections read past Node or not. */
export function freeingTests(directIo: 'auto' | 'always'): void {
  let cluster: Cluster;
  let proxy: UnderTest;
  let control: pg.Client;
  let quiet = 0;
  let open: RawConnection[] = [];

  beforeAll(async () => {
    cluster = await startCluster();
    proxy = await startUnderTest(cluster, { directIo });
    control = await cluster.connect();
    await control.query('select pg_advisory_lock($1)', [heldLock]);
    // The first session may bring what stays; every later one must leave nothing.
    const first = await worldOf().login();
    first.vanish('FIN');
    await waitFor('the first session to end', async () => (await sessions()) === 0);
    await steady();
  }, 120_000);

  afterAll(async () => {
    await control?.end();
    await proxy?.stop();
    await cluster?.stop();
  });

  afterEach(() => {
    for (const connection of open) connection.vanish('FIN');
    open = [];
  });

  function worldOf(): World {
    const connect = async (): Promise<RawConnection> => {
      const connection = await RawConnection.open(proxy);
      open.push(connection);
      return connection;
    };
    return {
      control,
      ca: cluster.tls.ca,
      blocked: async () => undefined,
      open: connect,
      login: async (login = {}) => {
        const connection = await connect();
        await logIn(connection, login);
        return connection;
      },
    };
  }

  // Beside what the proxy keeps for itself, which may be another connection at any time; its sockets count those as well.
  const others =
    "backend_type in ('client backend', 'walsender') and pid <> pg_backend_pid() and application_name <> 'upwrite'";

  /** Client sessions of the database, those still logging in among them. */
  async function sessions(): Promise<number> {
    const found = await control.query(`select from pg_stat_activity where ${others}`);
    return found.rowCount ?? 0;
  }

  async function terminateAll(): Promise<void> {
    await control.query(`select pg_terminate_backend(pid) from pg_stat_activity where ${others}`);
  }

  /** Takes the number of the proxy's sockets at rest, once it has stayed the same for some looks. */
  async function steady(): Promise<void> {
    if (!hasProcFs) return;
    let same = 0;
    await waitFor('the proxy to be at rest', () => {
      const now = openSockets(proxy.pid);
      same = now === quiet ? same + 1 : 0;
      quiet = now;
      return same > 20;
    });
  }

  async function freed(): Promise<void> {
    await waitFor('the sessions in the database to end', async () => (await sessions()) === 0);
    if (hasProcFs) await waitFor('the sockets of the proxy to close', () => openSockets(proxy.pid) <= quiet);
  }

  describe('a client that vanishes', () => {
    for (const how of ['FIN', 'RST'] as const) {
      it.each(stages.map((stage) => [stage.name, stage] as const))(`by ${how}: %s`, async (_name, stage) => {
        const connection = await stage.reach(worldOf());
        connection.vanish(how);
        await freed();
      });
    }
  });

  describe('a backend that vanishes', () => {
    it.each(
      stages
        .filter((stage) => !/silent|one byte|half of the start-up|Request|TLS|nothing read/.test(stage.name))
        .filter((stage) => stage.isLogin === undefined || testedVersion >= 18)
        .map((stage) => [stage.name, stage] as const),
    )('by pg_terminate_backend: %s', async (_name, stage) => {
      const connection = await stage.reach(worldOf());
      await terminateAll();
      await connection.untilClosed();
      await freed();
    });

    it('tells an idle client 57P01 and closes', async () => {
      const connection = await worldOf().login();
      await terminateAll();
      const message = await connection.until('E');
      expect(message?.body.toString()).toContain('57P01');
      await connection.untilClosed();
      await freed();
    });
  });

  describe('several at once', () => {
    it('frees 100 sessions that vanish at the same moment', async () => {
      const world = worldOf();
      const all = await Promise.all(Array.from({ length: 100 }, () => world.login()));
      for (const [at, connection] of all.entries()) connection.vanish(at % 2 === 0 ? 'FIN' : 'RST');
      await freed();
    }, 60_000);

    it('leaves the other sessions alone', async () => {
      const world = worldOf();
      const stays = await world.login();
      for (const stage of stages.filter(({ name }) => /idle|coming|COPY|lock/.test(name))) {
        (await stage.reach(world)).vanish('RST');
      }
      await stays.send(fe.query("select 'still here'"));
      const row = await stays.until('D');
      expect(row?.body.toString()).toContain('still here');
      stays.vanish('FIN');
      await freed();
    }, 60_000);
  });
}
