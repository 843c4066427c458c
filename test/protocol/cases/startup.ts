import { type Case, raw, session } from '../case.js';
import type { Allowed } from '../differences.js';
import * as fe from '../raw/frontend.js';
import { authenticate, startupOf } from '../raw/login.js';

const user = ['user', 'postgres'] as const;
const database = ['database', 'battery'] as const;
const application = ['application_name', 'battery'] as const;
const good = [user, database, application] as const;

/** The longest packet that PostgreSQL takes: MAX_STARTUP_PACKET_LENGTH and the length word. */
const longest = 10_004;

const select = fe.query('select current_user, current_database()');

/** A start-up packet that is taken, then one query. */
const taken = (name: string, params: readonly (readonly [string, string])[], protocol?: number): Case =>
  raw(name, [
    [fe.startup(params, protocol), 'Z'],
    [select, 'Z'],
  ]);

/** A packet that ends the connection. */
const refused = (name: string, packet: Buffer, differs?: Allowed): Case =>
  raw(name, [[packet, '$']], differs === undefined ? {} : { differs });

/** A packet that is too short to be answered: the client gives up half-way. */
const abandoned = (name: string, bytes: Buffer): Case => ({
  name,
  run: async (world) => {
    const connection = await world.open();
    await connection.send(bytes);
    connection.finish();
    await connection.untilClosed();
  },
});

const option = (name: string, value: string, show: string): Case =>
  raw(name, [
    [fe.startup([...good, [name, value]]), 'Z'],
    [fe.query(show), 'Z'],
  ]);

const broken: Allowed = { because: 'answers a broken message', says: 'invalid length of startup packet' };

export const startup: readonly Case[] = [
  taken('protocol 3.0', good),
  taken('protocol 3.1', good, fe.version.v31),
  taken('protocol 3.2', good, fe.version.v32),
  taken('protocol 3.3, to be negotiated', good, 0x0003_0003),
  taken('protocol 3.9999, to be negotiated', good, 0x0003_270f),
  taken('protocol 3.0 with an unknown _pq_ option', [...good, ['_pq_.nonsense', 'on']]),
  taken('protocol 3.2 with an unknown _pq_ option', [...good, ['_pq_.nonsense', 'on']], fe.version.v32),
  taken('protocol 3.9 with two unknown _pq_ options', [...good, ['_pq_.a', '1'], ['_pq_.b', '']], 0x0003_0009),
  refused('protocol 2.0', fe.startup(good, fe.version.v2)),
  refused('protocol 1.0', fe.startup(good, 0x0001_0000)),
  refused('protocol 4.0', fe.startup(good, fe.version.v4)),
  refused('protocol 0.0', fe.startup(good, 0)),
  refused('an unknown request code', fe.packet(fe.int32(80877105))),
  refused('the code of a cancel request with no key', fe.packet(fe.int32(80877102))),
  refused('an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'), broken),
  refused('an SSH banner', Buffer.from('SSH-2.0-OpenSSH_9.6\r\n'), broken),
  refused('length 0', fe.int32(0), broken),
  refused('length 3', fe.int32(3), broken),
  refused('length 4', fe.int32(4), broken),
  refused('length 7, without a whole code', Buffer.concat([fe.int32(7), Buffer.from('abc')]), broken),
  refused('length 8, nothing but the version', fe.packet(fe.int32(fe.version.v30))),
  refused('length -1', fe.int32(-1), broken),
  refused('length 10005, past the limit', Buffer.concat([fe.int32(10_005), fe.int32(fe.version.v30)]), broken),
  refused('length 0x7fffffff', Buffer.concat([fe.int32(0x7fff_ffff), fe.int32(fe.version.v30)]), broken),
  taken('the longest packet', [
    ...good,
    ['options', ' '.repeat(longest - fe.startup([...good, ['options', '']]).length)],
  ]),
  abandoned('nothing at all, then the end', Buffer.alloc(0)),
  abandoned('one byte, then the end', Buffer.from([0])),
  abandoned('half a packet, then the end', startupOf().subarray(0, 20)),
  refused('no user', fe.startup([database, application])),
  refused('an empty user', fe.startup([['user', ''], database, application])),
  refused('no parameters', fe.startup([])),
  raw('no database: that of the user name', [
    [fe.startup([user, application]), 'Z'],
    [select, 'Z'],
  ]),
  refused('no database, and none of the user name', fe.startup([['user', 'battery_trust'], application])),
  refused('an unknown database', fe.startup([user, ['database', 'no such'], application])),
  refused('a database that takes no connections', fe.startup([user, ['database', 'battery_closed'], application])),
  refused('an unknown role', fe.startup([['user', 'no such'], database, application])),
  refused('a role that may not log in', fe.startup([['user', 'battery_nologin'], database, application])),
  refused('a role past its connection limit', fe.startup([['user', 'battery_limit'], database, application])),
  refused('no terminator after the parameters', fe.startup(good, fe.version.v30, '')),
  refused('a key without a value', fe.startup(good, fe.version.v30, 'dangling\0')),
  refused('bytes after the terminator', fe.startup(good, fe.version.v30, '\0extra\0')),
  refused('a value without its NUL', fe.startup(good, fe.version.v30, 'options\0-c')),
  taken('the user twice: the last one holds', [['user', 'no such'], ...good]),
  refused('a database name that is cut to 63 bytes', fe.startup([user, ['database', 'd'.repeat(100)], application])),
  taken('empty options', [...good, ['options', '']]),
  raw('an unknown parameter', [[fe.startup([...good, ['no_such_setting', '1']]), '$']]),
  raw('a parameter with a bad value', [[fe.startup([...good, ['work_mem', 'lots']]), '$']]),
  raw('a parameter that only a superuser may set', [
    [fe.startup([['user', 'battery_trust'], database, application, ['log_statement', 'all']]), '$'],
  ]),
  raw('options with a bad switch', [[fe.startup([...good, ['options', '--no-such=1']]), '$']]),
  raw('options with two settings and an escaped blank', [
    [fe.startup([...good, ['options', '-c work_mem=3MB -c DateStyle=ISO,\\ DMY']]), 'Z'],
    [fe.query('show work_mem; show datestyle'), 'Z'],
  ]),
  option('DateStyle', 'German', 'select date $$2024-02-29$$'),
  option('TimeZone', 'America/St_Johns', 'select timestamptz $$2024-01-01 00:00+00$$'),
  option('extra_float_digits', '0', 'select 0.1::float8 + 0.2'),
  option('search_path', 'pg_catalog', 'show search_path'),
  option('IntervalStyle', 'iso_8601', 'select interval $$1 day 2 hours$$'),
  raw('client_encoding LATIN1', [
    [fe.startup([...good, ['client_encoding', 'LATIN1']]), 'Z'],
    [fe.message('Q', Buffer.from("select '\u00e9', chr(233), length('\u00e9')\0", 'latin1')), 'Z'],
    [fe.query('select chr(8364)'), 'Z'],
  ]),
  raw('client_encoding SJIS', [
    [fe.startup([...good, ['client_encoding', 'SJIS']]), 'Z'],
    [fe.message('Q', Buffer.from([...Buffer.from("select '"), 0x83, 0x5c, ...Buffer.from("', 1\0")])), 'Z'],
  ]),
  raw('client_encoding that does not exist', [[fe.startup([...good, ['client_encoding', 'KOI9']]), '$']]),
  raw('an application name beyond ASCII, and too long', [
    [fe.startup([user, database, ['application_name', `battery é ${'x'.repeat(80)}`]]), 'Z'],
    [fe.query('show application_name'), 'Z'],
  ]),
  raw('replication=off is an ordinary session', [
    [fe.startup([...good, ['replication', 'off']]), 'Z'],
    [select, 'Z'],
  ]),
  raw('replication with a bad value', [[fe.startup([...good, ['replication', 'perhaps']]), '$']]),
  raw('replication by a role that may not', [
    [fe.startup([['user', 'battery_trust'], database, application, ['replication', 'database']]), '$'],
  ]),
  session('a query in the same write as the start-up packet', [[fe.query('select 2'), 'Z']]),
  raw('start-up packet, query and Terminate in one write', [[[startupOf(), fe.query('select 3'), fe.terminate], '$']]),
  {
    name: 'a second start-up packet after the login',
    differs: { because: 'refuses an unknown type itself' },
    run: async (world) => {
      const connection = await world.login();
      await connection.send(fe.lying('\0', 0x0003_0000));
      await connection.untilClosed();
    },
  },
  {
    name: 'the end of the stream right after the start-up packet',
    run: async (world) => {
      const connection = await world.open();
      await connection.send(startupOf());
      connection.finish();
      await authenticate(connection, {});
      await connection.untilClosed();
    },
  },
];
