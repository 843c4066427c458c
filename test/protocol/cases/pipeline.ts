import { type Case, session, type Turn } from '../case.js';
import * as fe from '../raw/frontend.js';

const fail = fe.extended('select 1/0');
const one = fe.extended('select 1');
const two = fe.extended('select $1::int', ['2']);

const pipeline = (name: string, messages: readonly Buffer[], reads: string, ...more: Turn[]): Case =>
  session(name, [[messages, reads], ...more]);

/** 1000 statements, every seventh of which fails, with `between` after each. */
const thousand = (between: Buffer): Buffer[] =>
  Array.from({ length: 1000 }, (_, at) => {
    return Buffer.concat([at % 7 === 3 ? fail : fe.extended('select $1::int', [String(at)]), between]);
  });

export const pipelines: readonly Case[] = [
  pipeline('three statements and one Sync', [one, two, one, fe.sync], 'Z'),
  pipeline('a Sync after each', [one, fe.sync, two, fe.sync, one, fe.sync], 'ZZZ'),
  pipeline('two Syncs in a row', [one, fe.sync, fe.sync, two, fe.sync], 'ZZZ'),
  pipeline(
    'ten Syncs and nothing else',
    Array.from({ length: 10 }, () => fe.sync),
    'Z'.repeat(10),
  ),
  pipeline('an error, then skip to Sync', [one, fail, two, one, fe.sync], 'Z', [[two, fe.sync], 'Z']),
  pipeline(
    'an error in Parse, then skip to Sync',
    [fe.parse('selec'), fe.bind(), fe.describe('P'), fe.execute(), fe.sync],
    'Z',
  ),
  pipeline(
    'an error in Bind, then skip to Sync',
    [fe.parse('select $1::int'), fe.bind(), fe.execute(), one, fe.sync],
    'Z',
  ),
  pipeline('errors in two segments', [fail, one, fe.sync, two, fail, one, fe.sync, one, fe.sync], 'ZZZ'),
  pipeline('an error, then Flush does not end the skipping', [fail, fe.flush, one, fe.flush, two, fe.sync], 'Z'),
  pipeline(
    'an error, then Close and Describe are skipped too',
    [fe.parse('select 1', 's'), fail, fe.close('S', 's'), fe.describe('S', 's'), fe.sync],
    'Z',
    [[fe.describe('S', 's'), fe.sync], 'Z'],
  ),
  pipeline('an error, then a simple query is skipped too', [fail, fe.query('select 1'), fe.sync], 'Z', [
    fe.query('select 2'),
    'Z',
  ]),
  pipeline(
    'an error, then a function call is skipped too',
    [fail, fe.functionCall(177, [fe.int32(1), fe.int32(2)]), fe.sync],
    'Z',
  ),
  {
    ...pipeline('an error, then an unknown type ends the session', [fail, fe.message('~')], '$'),
    differs: { because: 'refuses an unknown type itself' },
  },
  pipeline('an error, then Terminate', [fail, fe.terminate], '$'),
  pipeline(
    'an error takes back what came before it, up to the last Sync',
    [
      fe.extended('create temp table t (a int)'),
      fe.sync,
      fe.extended('insert into t values (1)'),
      fail,
      fe.sync,
      fe.extended('select count(*) from t'),
      fe.sync,
    ],
    'ZZZ',
  ),
  pipeline(
    'a transaction in one pipeline',
    [
      fe.extended('begin'),
      fe.extended('create temp table t (a int)'),
      fe.extended('commit'),
      fe.extended('table t'),
      fe.sync,
    ],
    'Z',
  ),
  pipeline(
    'a transaction over three segments, with an error',
    [fe.extended('begin'), fe.sync, fail, fe.sync, one, fe.sync, fe.extended('rollback'), fe.sync],
    'ZZZZ',
  ),
  pipeline(
    'COMMIT in the middle of a segment',
    [
      fe.extended('create temp table t (a int)'),
      fe.extended('begin'),
      fe.extended('insert into t values (1)'),
      fe.extended('commit'),
      fail,
      fe.sync,
      fe.extended('table t'),
      fe.sync,
    ],
    'ZZ',
  ),
  pipeline('a statement that may not run in a pipeline', [one, fe.extended('vacuum'), fe.sync], 'Z', [
    [fe.extended('vacuum (analyze) pg_db_role_setting'), fe.sync],
    'Z',
  ]),
  pipeline(
    'queries between extended statements',
    [one, fe.query('select 10'), two, fe.query('select 11; select 12'), one, fe.sync],
    'ZZZ',
  ),
  pipeline('a query with an error between extended statements', [one, fe.query('select 1/0'), two, fe.sync], 'ZZ'),
  pipeline(
    'an unnamed portal that a query closes',
    [fe.parse('select generate_series(1, 5)'), fe.bind(), fe.execute(2), fe.query('select 1'), fe.execute(2), fe.sync],
    'ZZ',
  ),
  pipeline('1000 statements and one Sync', [...Array.from({ length: 1000 }, () => two), fe.sync], 'Z'),
  pipeline('1000 statements, errors among them, a Sync after each', thousand(fe.sync), 'Z'.repeat(1000)),
  pipeline('1000 statements, errors among them, one Sync', [...thousand(Buffer.alloc(0)), fe.sync], 'Z'),
  pipeline(
    '1000 named statements',
    [...Array.from({ length: 1000 }, (_, at) => fe.parse(`select ${at}`, `s${at}`)), fe.sync],
    'Z',
    [
      [
        ...Array.from({ length: 1000 }, (_, at) => Buffer.concat([fe.bind({ statement: `s${at}` }), fe.execute()])),
        fe.sync,
      ],
      'Z',
    ],
  ),
  session('Flush without Sync: answers come, ReadyForQuery does not', [
    [[fe.parse('select 1'), fe.flush], '1'],
    [[fe.bind(), fe.flush], '2'],
    [[fe.describe('P'), fe.flush], 'T'],
    [[fe.execute(), fe.flush], 'C'],
    [fe.sync, 'Z'],
  ]),
  session('Flush after an error: the error comes, and nothing more before Sync', [
    [[fe.parse('selec'), fe.flush], 'E'],
    [[fe.parse('select 1'), fe.flush], ''],
    [fe.sync, 'Z'],
  ]),
  session('Flush with a body', [
    [[fe.parse('select 1'), fe.message('H', 'body')], ''],
    [fe.sync, 'Z'],
  ]),
  session('portions: a cursor read with Flush', [
    [[fe.parse('select generate_series(1, 7)'), fe.bind(), fe.execute(3), fe.flush], 's'],
    [[fe.execute(3), fe.flush], 's'],
    [[fe.execute(3), fe.flush], 'C'],
    [fe.sync, 'Z'],
  ]),
  session('a large result in a pipeline, and another behind it', [
    [
      [
        fe.extended("select n, repeat('p', 100) from generate_series(1, 20000) n"),
        fe.extended("select repeat('q', 4000000)"),
        one,
        fe.sync,
      ],
      'Z',
    ],
  ]),
  session('a large value in a pipeline, and another behind it', [
    [[fe.extended('select length($1::text)', ['v'.repeat(4_000_000)]), two, fe.sync], 'Z'],
  ]),
  {
    name: '20000 statements written while their answers are read',
    run: async (world) => {
      const connection = await world.login();
      const chunk = Buffer.concat(Array.from({ length: 200 }, () => Buffer.concat([two, fe.sync])));
      const writing = (async () => {
        for (let sent = 0; sent < 100; sent++) await connection.send(chunk);
      })();
      for (let got = 0; got < 20_000; got++) await connection.until('Z');
      await writing;
    },
    collapse: true,
    mask: ({ type }) => (type === 'Z' ? { type, body: Buffer.from('I') } : { type: '…', body: Buffer.alloc(0) }),
  },
  {
    name: 'the end of the stream in the middle of a pipeline, before its Sync',
    run: async (world) => {
      const connection = await world.login();
      await connection.send(Buffer.concat([one, two]));
      connection.finish();
      await connection.untilClosed();
    },
  },
];
