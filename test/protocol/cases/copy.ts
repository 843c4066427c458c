import { type Case, type CaseOptions, session, type Turn } from '../case.js';
import * as fe from '../raw/frontend.js';

const table: Turn = [fe.query('create temp table t (a int, b text)'), 'Z'];
const count: Turn = [fe.query('select count(*), sum(a), sum(length(b)) from t'), 'Z'];
const copyIn: Turn = [fe.query('copy t from stdin'), 'G'];
const binaryHeader = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), fe.int32(0), fe.int32(0)]);

/** COPY t FROM STDIN with `turns` after CopyInResponse, then what the table holds. */
const into = (name: string, turns: readonly Turn[], options: CaseOptions = {}): Case =>
  session(name, [table, copyIn, ...turns, count], options);

const query = (text: string, reads = 'Z'): Turn => [fe.query(text), reads];

const rows = (from: number, to: number): string => {
  return Array.from({ length: to - from }, (_, at) => `${from + at}\trow ${from + at}\n`).join('');
};

/** COPY by the extended protocol, up to CopyInResponse. */
const extendedCopy = [fe.parse('copy t from stdin'), fe.bind(), fe.describe('P'), fe.execute()];

export const copy: readonly Case[] = [
  into('in: two rows', [[[fe.copyData('1\tone\n2\t\\N\n'), fe.copyDone], 'Z']]),
  into('in: no row', [[fe.copyDone, 'Z']]),
  into('in: the end marker', [[[fe.copyData('1\tone\n\\.\n'), fe.copyDone], 'Z']]),
  into('in: a row over several messages', [
    [[fe.copyData('1\to'), fe.copyData('n'), fe.copyData(''), fe.copyData('e\n'), fe.copyDone], 'Z'],
  ]),
  into('in: CopyData of one byte each', [
    [[...Buffer.from(rows(0, 50))].map((byte) => fe.copyData(Buffer.from([byte]))), ''],
    [fe.copyDone, 'Z'],
  ]),
  into('in: one CopyData of 8 MB', [[[fe.copyData(rows(0, 500_000)), fe.copyDone], 'Z']]),
  into('in: a value of 32 MB', [[[fe.copyData(`1\t${'v'.repeat(32 * 1024 * 1024)}\n`), fe.copyDone], 'Z']]),
  into('in: 10000 CopyData in one write', [
    [Array.from({ length: 10_000 }, (_, at) => fe.copyData(rows(at, at + 1))), ''],
    [fe.copyDone, 'Z'],
  ]),
  into('in: CopyFail', [[fe.copyFail('changed my mind'), 'Z']]),
  into('in: CopyFail after rows', [[[fe.copyData(rows(0, 10)), fe.copyFail('enough')], 'Z']]),
  into('in: CopyFail with an empty reason', [[fe.copyFail(''), 'Z']]),
  into('in: CopyFail without a terminator', [[fe.message('f', 'reason'), 'Z']]),
  into('in: an error in the data', [[[fe.copyData('one\tone\n'), fe.copyDone], 'Z']]),
  into('in: an error in the data, more data behind it', [
    [[fe.copyData('x\ty\n'), fe.copyData(rows(0, 100)), fe.copyDone], 'Z'],
  ]),
  into('in: an error in the data, seen before the client is done', [
    [fe.copyData('1\ttoo\tmany\n'), ''],
    [fe.copyData(rows(0, 1000)), 'E'],
    [[fe.copyData('more\n'), fe.copyDone], 'Z'],
  ]),
  into('in: Sync and Flush while copying are passed over', [
    [[fe.copyData('1\ta\n'), fe.sync, fe.flush, fe.copyData('2\tb\n'), fe.flush, fe.copyDone], 'Z'],
  ]),
  into('in: a query while copying', [[[fe.copyData('1\ta\n'), fe.query('select 1')], 'Z']]),
  into('in: a Parse while copying', [[[fe.parse('select 1'), fe.sync], 'Z']]),
  session('in: Terminate while copying', [table, copyIn, [[fe.copyData('1\ta\n'), fe.terminate], '$']]),
  session('in: an unknown message while copying', [table, copyIn, [fe.message('~'), '$']]),
  session('in: CSV with a header', [
    table,
    query('copy t from stdin (format csv, header)', 'G'),
    [[fe.copyData('a,b\n1,"x,\n""y"""\n'), fe.copyDone], 'Z'],
    query('table t'),
  ]),
  session('in: binary', [
    table,
    query('copy t from stdin (format binary)', 'G'),
    [
      [
        fe.copyData(binaryHeader),
        fe.copyData(Buffer.concat([fe.int16(2), fe.int32(4), fe.int32(42), fe.int32(-1)])),
        fe.copyData(fe.int16(-1)),
        fe.copyDone,
      ],
      'Z',
    ],
    query('table t'),
  ]),
  session('in: binary with a wrong signature', [
    table,
    query('copy t from stdin (format binary)', 'G'),
    [[fe.copyData('not a copy header'), fe.copyDone], 'Z'],
  ]),
  session('in: two COPY in one query', [
    table,
    query('copy t from stdin; copy t from stdin; select count(*) from t', 'G'),
    [[fe.copyData('1\ta\n'), fe.copyDone], 'G'],
    [[fe.copyData('2\tb\n3\tc\n'), fe.copyDone], 'Z'],
  ]),
  session('in: query, data and end in one write', [
    table,
    [[fe.query('copy t from stdin'), fe.copyData('7\tseven\n'), fe.copyDone, fe.query('table t')], 'ZZ'],
  ]),
  session('in: data for a COPY that fails at once', [
    [[fe.query('copy no_such from stdin'), fe.copyData('7\tseven\n'), fe.copyDone, fe.query('select 1')], 'ZZ'],
  ]),
  session('in: data and end without any COPY', [
    [[fe.copyData('1\ta\n'), fe.copyDone, fe.copyFail('x'), fe.query('select 1')], 'Z'],
  ]),
  session('in: inside a transaction that goes on', [
    table,
    query('begin'),
    copyIn,
    [[fe.copyData('1\ta\n'), fe.copyDone], 'Z'],
    copyIn,
    [fe.copyFail('no'), 'Z'],
    query('commit'),
    count,
  ]),
  session('in: a trigger that raises notices', [
    table,
    query(`create function pg_temp.say() returns trigger language plpgsql as
      $$begin raise notice 'row %', new.a; return new; end$$;
      create trigger say before insert on t for each row execute function pg_temp.say()`),
    copyIn,
    [[fe.copyData(rows(0, 5)), fe.copyDone], 'Z'],
  ]),
  session('in, extended', [table, [[...extendedCopy, fe.copyData('1\ta\n'), fe.copyDone, fe.sync], 'Z'], count]),
  session('in, extended: Sync already in front of the data', [
    table,
    [[...extendedCopy, fe.sync], 'G'],
    [[fe.copyData('1\ta\n'), fe.copyDone, fe.sync], 'Z'],
    count,
  ]),
  session('in, extended: CopyFail, then skip to Sync', [
    table,
    [[...extendedCopy, fe.copyFail('no'), fe.parse('select 1'), fe.bind(), fe.execute(), fe.sync], 'Z'],
    count,
  ]),
  session('in, extended: an error in the data, then skip to Sync', [
    table,
    [[...extendedCopy, fe.copyData('x\ty\n'), fe.copyDone, fe.parse('select 1'), fe.sync], 'Z'],
    count,
  ]),
  session('in, extended: two of them in one pipeline', [
    table,
    [
      [
        ...extendedCopy,
        fe.copyData('1\ta\n'),
        fe.copyDone,
        ...extendedCopy,
        fe.copyData('2\tb\n'),
        fe.copyDone,
        fe.sync,
      ],
      'Z',
    ],
    count,
  ]),
  session('out: rows', [query("copy (select n, 'row ' || n from generate_series(1, 100) n) to stdout")]),
  session('out: no row', [query('copy (select 1 where false) to stdout')]),
  session('out: CSV with a header', [query(`copy (select 1 as a, 'x,"y"' as b) to stdout (format csv, header)`)]),
  session('out: binary', [query("copy (select 1, null::text, 'abc') to stdout (format binary)")]),
  session('out: a row of 16 MB', [query("copy (select repeat('c', 16777216)) to stdout")]),
  session('out: 100000 rows', [query('copy (select n from generate_series(1, 100000) n) to stdout')], {
    collapse: true,
    mask: ({ type, body }) => (type === 'd' ? { type, body: Buffer.from('row') } : { type, body }),
  }),
  session('out: an error after some rows', [
    query('copy (select 10 / (50 - n) from generate_series(1, 100) n) to stdout'),
    query('select 1'),
  ]),
  session('out: a file of the server that may not be read', [
    [fe.query('set role battery_trust; copy pg_authid to stdout'), 'Z'],
    query("copy pg_class to '/no/such/file'"),
  ]),
  session('out: messages of the client while it goes on', [
    [
      [
        fe.query('copy (select n from generate_series(1, 1000) n) to stdout'),
        fe.copyData('stray'),
        fe.copyDone,
        fe.query('select 1'),
      ],
      'ZZ',
    ],
  ]),
  session('out, extended', [
    [[fe.parse('copy (values (1), (2)) to stdout'), fe.bind(), fe.describe('P'), fe.execute(), fe.sync], 'Z'],
  ]),
  session('out, extended, with a row limit that does not apply', [
    [[fe.parse('copy (values (1), (2)) to stdout'), fe.bind(), fe.execute(1), fe.sync], 'Z'],
  ]),
  session('out, extended: two with a query between in one pipeline', [
    [
      [
        fe.parse('copy (values (1), (2)) to stdout', 'c'),
        fe.bind({ statement: 'c' }),
        fe.execute(),
        fe.extended('select 3'),
        fe.bind({ statement: 'c' }),
        fe.execute(),
        fe.sync,
      ],
      'Z',
    ],
  ]),
  session('out and in, one after the other, in one query', [
    table,
    query('insert into t values (1, $$x$$); copy t to stdout; copy t from stdin; copy t to stdout', 'G'),
    [[fe.copyData('2\ty\n'), fe.copyDone], 'Z'],
  ]),
];
