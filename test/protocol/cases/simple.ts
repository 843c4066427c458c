import { type Case, session, type Turn } from '../case.js';
import * as fe from '../raw/frontend.js';
import type { Login } from '../raw/login.js';

const mega = 1024 * 1024;

/** Queries one after the other, each until ReadyForQuery. */
const queries = (name: string, ...texts: string[]): Case =>
  session(
    name,
    texts.map((text): Turn => [fe.query(text), 'Z']),
  );

/** The database would take a client that has closed its sending side for lost, if it came to look while a query runs. */
const unwatched: Login = { params: [['options', '-c client_connection_check_interval=0']] };

export const simple: readonly Case[] = [
  queries('an empty query', ''),
  queries('blanks only', ' \n\t'),
  queries('semicolons only', ';;;'),
  queries('a comment only', '-- nothing'),
  queries('one row', 'select 1 as one'),
  queries('no row', 'select 1 where false'),
  queries('no column', 'select'),
  queries('NULL and the empty string', "select null, '', null::int"),
  queries(
    'rows of many types',
    "select 1::int2, 2::int8, 1.5::float8, true, 'x'::\"char\", '{1,NULL}'::int[], '{}'::jsonb",
  ),
  queries('1600 columns', `select ${Array.from({ length: 1600 }, (_, at) => at).join(',')}`),
  queries('1700 columns, which is too many', `select ${Array.from({ length: 1700 }, (_, at) => at).join(',')}`),
  queries('several statements', 'select 1; select 2; select 3'),
  queries('several statements, empty ones between', 'select 1;; ;select 2;'),
  queries('an error in the middle of several', 'select 1; select 1/0; select 3', 'select 4'),
  queries('a syntax error', 'selec 1', 'select 1'),
  queries('an error after some rows', 'select 10 / (5 - n) from generate_series(1, 8) n', 'select 1'),
  queries(
    'an implicit transaction that an error rolls back',
    'create temp table t (a int); insert into t values (1); select 1/0',
    'select * from t',
  ),
  queries(
    'a transaction: ReadyForQuery says where it is',
    'begin',
    'select 1',
    'select 1/0',
    'select 2',
    'rollback',
    'select 3',
  ),
  queries('COMMIT of a failed transaction', 'begin', 'select 1/0', 'commit'),
  queries('a savepoint', 'begin', 'savepoint a', 'select 1/0', 'rollback to a', 'select 1', 'commit'),
  queries('BEGIN in the middle of several', 'select 1; begin; select 2', 'commit; select 3'),
  queries('a warning', 'commit', 'begin; begin; commit'),
  queries(
    'notices of every level',
    `do $$begin raise notice 'n'; raise warning 'w'; raise info 'i'; raise log 'l'; end$$`,
  ),
  queries('1000 notices', `do $$begin for i in 1..1000 loop raise notice '%', i; end loop; end$$`),
  queries(
    'an error with every field',
    `do $$begin raise exception using message = 'm', detail = 'd', hint = 'h', errcode = 'UW999', column = 'c', constraint = 'k', datatype = 't', table = 'r', schema = 's'; end$$`,
  ),
  queries('an error message beyond ASCII', `do $$begin raise exception 'Größe überschritten: 漢字 🙂'; end$$`),
  queries('text beyond ASCII', "select 'ä漢🙂', length('ä漢🙂')"),
  queries(
    'CREATE, INSERT, UPDATE, DELETE and their tags',
    'create temp table t (a int, b text)',
    "insert into t select n, 'x' from generate_series(1, 12) n",
    "update t set b = 'y' where a > 4",
    'delete from t where a > 10',
    'table t',
    'drop table t',
  ),
  queries(
    'RETURNING',
    'create temp table t (a serial, b text)',
    "insert into t (b) values ('x'), ('y') returning *",
    'update t set b = a returning a, b',
    'delete from t returning *',
  ),
  queries('a table of the catalogue', 'select typname, typlen from pg_type where oid < 100 order by oid'),
  queries(
    'PREPARE and EXECUTE in SQL',
    'prepare p (int) as select $1 + 1',
    'execute p (1)',
    'execute p (1, 2)',
    'deallocate p',
    'execute p (1)',
  ),
  queries(
    'DECLARE, FETCH, MOVE, CLOSE',
    'begin',
    'declare c cursor for select generate_series(1, 10)',
    'fetch 3 from c',
    'move 2 in c',
    'fetch all from c',
    'close c',
    'fetch 1 from c',
    'rollback',
  ),
  queries('a binary cursor', 'begin', 'declare c binary cursor for select 258::int4', 'fetch all from c', 'commit'),
  queries(
    'a scrollable cursor WITH HOLD',
    'declare c scroll cursor with hold for select generate_series(1, 5)',
    'fetch last from c',
    'fetch prior from c',
    'close c',
  ),
  queries('EXPLAIN', 'explain (costs off) select 1'),
  queries(
    'SET of a reported parameter',
    "set application_name = 'battery: other'",
    'set timezone = $$Asia/Tokyo$$',
    "set datestyle = 'german'",
    'reset all',
  ),
  queries('SET LOCAL, rolled back', 'begin', "set local timezone = 'Asia/Tokyo'", 'rollback'),
  queries(
    'SET between the statements of one query',
    "select 1; set intervalstyle = 'iso_8601'; select interval '1 day'; reset intervalstyle",
  ),
  queries(
    'SET client_encoding in the middle of a session',
    "set client_encoding = 'LATIN1'",
    'select chr(233)',
    'select chr(8364)',
    "set client_encoding = 'UTF8'",
    'select chr(233)',
  ),
  queries(
    'SET ROLE and SESSION AUTHORIZATION',
    'set role battery_trust',
    'select current_user',
    'reset role',
    'set session authorization battery_trust',
    'reset session authorization',
  ),
  queries('set_config from a function', "select set_config('application_name', 'battery: by function', false)"),
  queries('two-phase commit', 'begin', 'create temp table never (a int)', "prepare transaction 'x'", 'select 1'),
  queries(
    'a two-phase commit that holds',
    'begin',
    'select pg_current_xact_id() is not null',
    "prepare transaction 'battery'",
    "commit prepared 'battery'",
  ),
  queries(
    'large objects in SQL',
    'begin',
    'select lo_create(900001)',
    "select lowrite(lo_open(900001, 131072), '\\x0102')",
    'select lo_get(900001)',
    'select lo_unlink(900001)',
    'commit',
  ),
  // Long enough for the RESET, which it holds for as well.
  queries('statement_timeout', "set statement_timeout = '1s'", 'select pg_sleep(20)', 'reset statement_timeout'),
  queries('lock_timeout 0 and NOWAIT', 'create temp table t (a int)', 'begin', 'lock table t nowait', 'commit'),
  queries('10000 rows', "select n, repeat('r', n % 50) from generate_series(1, 10000) n"),
  queries('a query of 1 MB', `select length('${'q'.repeat(mega)}')`),
  queries('a query of 64 MB', `select length('${'q'.repeat(64 * mega)}')`),
  queries('a row of 64 MB', `select repeat('r', ${64 * mega}), 1`),
  queries('20 rows of 4 MB', `select n, repeat('r', ${4 * mega}) from generate_series(1, 20) n`),
  queries('an error message of 1 MB', `do $$begin raise exception '%', repeat('e', ${mega}); end$$`, 'select 1'),
  session('10 queries in one write', [
    [Array.from({ length: 10 }, (_, at) => fe.query(`select ${at}`)), 'Z'.repeat(10)],
  ]),
  session('1000 queries in one write', [
    [Array.from({ length: 1000 }, (_, at) => fe.query(at % 7 === 0 ? 'select 1/0' : `select ${at}`)), 'Z'.repeat(1000)],
  ]),
  session('a query with a NUL in its text', [
    [fe.message('Q', 'select 1\0; select 2\0'), 'Z'],
    [fe.query('select 3'), 'Z'],
  ]),
  session('a query without its terminator', [
    [fe.message('Q', 'select 1'), 'Z'],
    [fe.query('select 2'), 'Z'],
  ]),
  session('a query without a body', [
    [fe.message('Q'), 'Z'],
    [fe.query('select 2'), 'Z'],
  ]),
  session('a query with bytes that are no UTF-8', [
    [fe.message('Q', Buffer.concat([Buffer.from("select '"), Buffer.from([0xff, 0xfe]), Buffer.from("'\0")])), 'Z'],
    [fe.query('select 1'), 'Z'],
  ]),
  session('Sync and Flush between simple queries', [
    [[fe.flush, fe.query('select 1'), fe.sync, fe.flush, fe.query('select 2'), fe.sync], 'ZZZZ'],
  ]),
  session('Terminate after a query in one write', [[[fe.query('select 1'), fe.terminate], '$']]),
  session('Terminate behind a query with a large result, in one write', [
    [[fe.query("select repeat('x', 10000) from generate_series(1, 2000)"), fe.terminate], '$'],
  ]),
  session('Terminate in front of a query', [[[fe.terminate, fe.query('select 1')], '$']]),
  session('Terminate inside a transaction', [
    [fe.query('begin'), 'Z'],
    [fe.terminate, '$'],
  ]),
  session('pg_terminate_backend of oneself', [[fe.query('select pg_terminate_backend(pg_backend_pid())'), '$']]),
  {
    name: 'the end of the stream right after a query: its result still comes',
    run: async (world) => {
      const connection = await world.login(unwatched);
      await connection.send(fe.query('select n from generate_series(1, 1000) n'));
      connection.finish();
      await connection.untilClosed();
    },
  },
  {
    name: 'the end of the stream in the middle of a query',
    run: async (world) => {
      const connection = await world.login();
      await connection.send(fe.query('select 1').subarray(0, 9));
      connection.finish();
      await connection.untilClosed();
    },
  },
  {
    name: 'a session that another one ends while it is idle',
    run: async (world) => {
      const connection = await world.login();
      await world.control.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'battery'",
      );
      await connection.untilClosed();
    },
  },
  {
    name: 'a session that another one ends while it waits for a lock',
    run: async (world) => {
      const connection = await world.login();
      await world.control.query('select pg_advisory_lock(7003)');
      await connection.send(fe.query('select pg_advisory_lock(7003)'));
      await world.blocked();
      await world.control.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'battery'",
      );
      await connection.untilClosed();
      await world.control.query('select pg_advisory_unlock(7003)');
    },
  },
  {
    name: 'a deadlock: one of two sessions is told, the other goes on',
    mask: ({ type, body }) =>
      type === 'E'
        ? { type, body: Buffer.from(body.toString('latin1').replace(/\0[DHp].*$/s, ''), 'latin1') }
        : { type, body },
    run: async (world) => {
      const first = await world.login({ params: [['options', '-c deadlock_timeout=10min']] }, 'first');
      const second = await world.login({ params: [['options', '-c deadlock_timeout=100ms']] }, 'second');
      await first.send(fe.query('begin; select pg_advisory_xact_lock(7004)'));
      await first.until('Z');
      await second.send(fe.query('begin; select pg_advisory_xact_lock(7005)'));
      await second.until('Z');
      await first.send(fe.query('select pg_advisory_xact_lock(7005)'));
      await world.blocked();
      await second.send(fe.query('select pg_advisory_xact_lock(7004)'));
      await second.until('Z');
      await second.send(fe.query('rollback'));
      await second.until('Z');
      await first.until('Z');
    },
  },
];
