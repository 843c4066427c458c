import { type Case, session } from '../case.js';
import type { Allowed } from '../differences.js';
import * as fe from '../raw/frontend.js';

/** Every frontend message of the protocol after the login. */
const types: Readonly<Record<string, string>> = {
  B: 'Bind',
  C: 'Close',
  d: 'CopyData',
  c: 'CopyDone',
  f: 'CopyFail',
  D: 'Describe',
  E: 'Execute',
  H: 'Flush',
  F: 'FunctionCall',
  P: 'Parse',
  Q: 'Query',
  S: 'Sync',
  X: 'Terminate',
};

/** The longest message of these types is 10 000 bytes (PQ_SMALL_MESSAGE_LIMIT); others may have nearly 1 GB. */
const small = ['C', 'c', 'f', 'D', 'E', 'H', 'S', 'X'];

/** What the proxy says of an impossible length. */
const broken = (type: string): Allowed => ({
  because: 'answers a broken message',
  says: `invalid message length in a message of type ${type.charCodeAt(0)}`,
});

const unknown: Allowed = { because: 'refuses an unknown type itself' };

/** A message with an impossible length: the session ends. */
const impossible = (type: string, length: number): Case =>
  session(`${types[type] ?? type} of length ${length}`, [[fe.lying(type, length), '$']], { differs: broken(type) });

const known = Object.keys(types);

export const malformed: readonly Case[] = [
  ...known.flatMap((type) => [0, 3, -1].map((length) => impossible(type, length))),
  ...[1, 2, -2, -0x8000_0000].map((length) => impossible('Q', length)),
  ...known.map((type) => impossible(type, 0x7fff_ffff)),
  ...small.map((type) => impossible(type, 10_005)),
  ...['Q', 'P', 'B', 'F', 'd'].map((type) => impossible(type, 0x4000_0004)),
  ...['\0', '\x01', '0', 'A', 'p', 'R', 'Z', 'a', '~', '\x7f', '\x80', '\xff'].map((type) =>
    session(`an unknown type 0x${type.charCodeAt(0).toString(16)}`, [[fe.message(type, 'body'), '$']], {
      differs: unknown,
    }),
  ),
  session('an unknown type of an impossible length', [[fe.lying('~', -5), '$']], { differs: unknown }),
  session('an impossible length behind good messages', [[[fe.query('select 1'), fe.lying('Q', 2)], '$']], {
    differs: broken('Q'),
  }),
  session(
    'an impossible length behind a statement that takes its time',
    [[[fe.query('select pg_sleep(1.5)'), fe.lying('Q', 2)], '$']],
    { differs: broken('Q') },
  ),
  session(
    'an impossible length in the middle of a pipeline',
    [[[fe.extended('select 1'), fe.extended('select 2'), fe.lying('B', 1)], '$']],
    { differs: broken('B') },
  ),
  session(
    'an impossible length in the middle of a COPY',
    [
      [fe.query('create temp table t (a int)'), 'Z'],
      [fe.query('copy t from stdin'), 'G'],
      [[fe.copyData('1\n'), fe.lying('d', 3)], '$'],
    ],
    { differs: { ...broken('d'), insteadOf: 2 } },
  ),
  session(
    'an impossible length in a transaction',
    [
      [fe.query('begin'), 'Z'],
      [fe.lying('S', -7), '$'],
    ],
    { differs: broken('S') },
  ),
  {
    name: 'a session next to one with an impossible length goes on',
    differs: { ...broken('Q'), to: 'bad' },
    run: async (world) => {
      const good = await world.login({}, 'good');
      const bad = await world.login({}, 'bad');
      await bad.send(fe.lying('Q', 3));
      await bad.untilClosed();
      await good.send(fe.query('select 1'));
      await good.until('Z');
    },
  },
];
