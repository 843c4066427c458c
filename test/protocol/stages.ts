/** The points of a session at which a client may vanish, and how to get there. */
import { roles } from '../support/cluster.js';
import { waitFor } from '../support/wait.js';
import { play, type World } from './case.js';
import type { RawConnection } from './raw/connection.js';
import * as fe from './raw/frontend.js';
import { logIn, startupOf } from './raw/login.js';
import { scramClient } from './raw/scram.js';

export interface Stage {
  readonly name: string;
  /** It is no session yet: older versions of PostgreSQL do not show it (pg_stat_activity). */
  readonly isLogin?: true;
  /** Brings a new connection there. */
  reach(world: World): Promise<RawConnection>;
}

/** A stage of a session that is logged in: `bytes` written, `reads` read. */
const after = (name: string, bytes: Buffer | readonly Buffer[], reads = ''): Stage => ({
  name,
  reach: async (world) => {
    const connection = await world.login();
    await play(connection, [[bytes, reads]]);
    return connection;
  },
});

/** A stage before the login is over. */
const before = (name: string, bytes: Buffer, reads = ''): Stage => ({
  name,
  isLogin: true,
  reach: async (world) => {
    const connection = await world.open();
    await play(connection, [[bytes, reads]]);
    return connection;
  },
});

/** A statement that the database has begun and that waits there for `event`. */
const waiting = (name: string, bytes: Buffer | readonly Buffer[], event: string): Stage => ({
  name,
  reach: async (world) => {
    const connection = await world.login();
    await play(connection, [[bytes, '']]);
    await waitFor(`a session that waits for ${event}`, async () => {
      const found = await world.control.query(
        "select from pg_stat_activity where application_name = 'battery' and wait_event = $1",
        [event],
      );
      return found.rowCount === 1;
    });
    return connection;
  },
});

async function tls(world: World): Promise<RawConnection> {
  const connection = await world.open();
  await play(connection, [[fe.sslRequest, '!']]);
  await connection.startTls({ ca: world.ca, servername: 'localhost' });
  return connection;
}

const large = "select repeat('x', 1000) from generate_series(1, 10000000)";
const blocking = 'select pg_advisory_lock(7020)';

/** The key of the lock that the control session holds while stages are tried. */
export const heldLock = 7020;

export const stages: readonly Stage[] = [
  before('connected, and silent', Buffer.alloc(0)),
  before('one byte sent', Buffer.from([0])),
  before('half of the start-up packet sent', startupOf().subarray(0, 25)),
  before('SSLRequest answered', fe.sslRequest, '!'),
  before('GSSENCRequest answered', fe.gssRequest, '!'),
  before('the TLS handshake begun', Buffer.concat([fe.sslRequest]), '!'),
  { name: 'the TLS handshake done', reach: tls },
  before('the start-up packet sent, nothing read', startupOf()),
  before('a password asked for', startupOf(roles.clear), 'R'),
  before('SASL asked for', startupOf(roles.scram), 'R'),
  {
    name: 'in the middle of SASL',
    isLogin: true,
    reach: async (world) => {
      const connection = await world.open();
      const first = fe.saslInitial('SCRAM-SHA-256', scramClient('').first);
      await play(connection, [
        [startupOf(roles.scram), 'R'],
        [first, 'R'],
      ]);
      return connection;
    },
  },
  after('idle', []),
  {
    name: 'idle, over TLS',
    reach: async (world) => {
      const connection = await tls(world);
      await logIn(connection);
      return connection;
    },
  },
  after('in a transaction', fe.query('begin'), 'Z'),
  after('in a failed transaction', fe.query('begin; select 1/0'), 'Z'),
  after('listening', fe.query('listen battery'), 'Z'),
  after('holding a lock', fe.query('begin; lock table pg_description in share mode'), 'Z'),
  after('a header of a query sent', fe.query('select 1').subarray(0, 5)),
  after('half of a header sent', fe.query('select 1').subarray(0, 3)),
  after('half of a query of 1 MB sent', fe.query('x'.repeat(1 << 20)).subarray(0, 1 << 19)),
  after('a Parse without a Sync', fe.parse('select 1')),
  after('a portal suspended', [fe.parse('select generate_series(1, 9)'), fe.bind(), fe.execute(2), fe.flush], 's'),
  waiting('a statement waiting for a lock', fe.query(blocking), 'advisory'),
  waiting('a statement asleep', fe.query('select pg_sleep(1000)'), 'PgSleep'),
  waiting(
    'a pipeline of which the first statement waits for a lock',
    [fe.extended(blocking), fe.extended('select 1'), fe.sync, fe.query('select 2')],
    'advisory',
  ),
  after('a large result coming, some of it read', fe.query(large), 'D'),
  after('a large result asked for, none of it read', fe.query(large)),
  after('in COPY IN', fe.query('create temp table t (a int); copy t from stdin'), 'G'),
  after('in COPY IN, half of a CopyData sent', [
    fe.query('create temp table t (a text); copy t from stdin'),
    fe.copyData('y'.repeat(100_000)).subarray(0, 50_000),
  ]),
  after('in COPY OUT', fe.query(`copy (${large}) to stdout`), 'd'),
  {
    name: 'in a replication stream',
    reach: async (world) => {
      const connection = await world.login({ params: [['replication', 'database']] });
      await play(connection, [
        [fe.query('CREATE_REPLICATION_SLOT vanish TEMPORARY LOGICAL test_decoding'), 'Z'],
        [fe.query('START_REPLICATION SLOT vanish LOGICAL 0/0'), 'W'],
      ]);
      return connection;
    },
  },
];
