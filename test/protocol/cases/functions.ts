import { type Case, play, session } from '../case.js';
import * as fe from '../raw/frontend.js';

/** OIDs of pg_proc's built-in functions. */
const int4pl = 177;
const int4div = 154;
const textLength = 1257;
const lo = {
  open: 952,
  close: 953,
  read: 954,
  write: 955,
  lseek: 956,
  creat: 957,
  tell: 958,
  unlink: 964,
  create: 715,
};

const call = (name: string, ...messages: Buffer[]): Case =>
  session(
    name,
    messages.map((message) => [message, 'Z']),
  );
const int = fe.int32;

/** INV_READ and INV_WRITE. */
const readWrite = 0x60000;
const object = 900_002;

export const functions: readonly Case[] = [
  call('a function call', fe.functionCall(int4pl, [int(40), int(2)])),
  call('a function call in text', fe.functionCall(int4pl, ['40', '2'], 0, 0)),
  call('a function call with NULL', fe.functionCall(int4pl, [int(40), null])),
  call('a function call with a large value', fe.functionCall(textLength, ['x'.repeat(1_000_000)])),
  call('a function call that fails', fe.functionCall(int4div, [int(1), int(0)]), fe.query('select 1')),
  call('a function that does not exist', fe.functionCall(999_999, []), fe.query('select 1')),
  call('a function call with too few arguments', fe.functionCall(int4pl, [int(1)])),
  call('a function call with a value of the wrong length', fe.functionCall(int4pl, [int(1), Buffer.from([1])])),
  call('a function call with a format that does not exist', fe.functionCall(int4pl, [int(1), int(2)], 7, 1)),
  call('a function call that ends too early', fe.message('F', int(int4pl), fe.int16(1)), fe.query('select 1')),
  call(
    'a function call in a failed transaction',
    fe.query('begin; select 1/0'),
    fe.functionCall(int4pl, [int(1), int(2)]),
  ),
  call('a function call of an aggregate', fe.functionCall(2147, [int(1)])),
  call(
    'a large object by function calls',
    fe.query('begin'),
    fe.functionCall(lo.create, [int(object)]),
    fe.functionCall(lo.open, [int(object), int(readWrite)]),
    fe.functionCall(lo.write, [int(0), 'The quick brown fox']),
    fe.functionCall(lo.lseek, [int(0), int(4), int(0)]),
    fe.functionCall(lo.read, [int(0), int(5)]),
    fe.functionCall(lo.tell, [int(0)]),
    fe.functionCall(lo.read, [int(0), int(1000)]),
    fe.functionCall(lo.close, [int(0)]),
    fe.functionCall(lo.unlink, [int(object)]),
    fe.query('commit'),
  ),
  call(
    'a large object of 8 MB, written and read in pieces of 1 MB',
    fe.query('begin'),
    fe.functionCall(lo.create, [int(object)]),
    fe.functionCall(lo.open, [int(object), int(readWrite)]),
    ...Array.from({ length: 8 }, (_, at) => fe.functionCall(lo.write, [int(0), Buffer.alloc(1 << 20, at)])),
    fe.functionCall(lo.lseek, [int(0), int(0), int(0)]),
    ...Array.from({ length: 8 }, () => fe.functionCall(lo.read, [int(0), int(1 << 20)])),
    fe.query('rollback'),
  ),
  call(
    'a large object that does not exist',
    fe.query('begin'),
    fe.functionCall(lo.open, [int(1), int(readWrite)]),
    fe.query('rollback'),
  ),
  {
    name: 'function calls, 200 in one write',
    run: async (world) => {
      const calls = Array.from({ length: 200 }, (_, at) => fe.functionCall(int4pl, [int(at), int(1)]));
      await play(await world.login(), [[calls, 'Z'.repeat(200)]]);
    },
  },
];
