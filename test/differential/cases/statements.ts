/** COPY, PREPARE and EXECUTE, cursors. */
import type { Turn } from '../../protocol/case.js';
import * as fe from '../../protocol/raw/frontend.js';
import { conversation, queries } from '../case.js';
import { type Binary, int4, text } from '../drivers.js';

const t = 'salesforce.contacts';
const copy = (how: string, data: Buffer | string, end: Buffer = fe.copyDone): Turn[] => [
  [fe.query(`COPY ${t} (first_name, age, extra) FROM STDIN ${how}`), 'G'],
  [Buffer.concat([fe.copyData(data), end]), 'Z'],
];

function field(value: Binary | null): Buffer {
  return value === null ? fe.int32(-1) : Buffer.concat([fe.int32(value.bytes.length), value.bytes]);
}

/** COPY's binary format (manual, "COPY", Binary Format): signature, flags, rows, trailer. */
const binaryCopy = Buffer.concat([
  Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'),
  fe.int32(0),
  fe.int32(0),
  fe.int16(3),
  field(text('Bin')),
  field(int4(5)),
  field(null),
  fe.int16(-1),
]);

export const copies = [
  conversation('COPY, text', copy('', 'Cop\t1\t{"a": 1}\nYed\t\\N\t\\N\n')),
  conversation('COPY, text with escapes and the end marker', copy('', 'a\\tb\\n\\\\\t2\t"\\\\\\\\"\n\\.\n')),
  conversation(
    'COPY, csv with a header',
    copy('WITH (FORMAT csv, HEADER)', 'first_name,age,extra\n"Q, ""x""",3,"{""a"": 2}"\n,,\n'),
  ),
  conversation('COPY, csv, other characters', copy(`(FORMAT csv, DELIMITER ';', NULL '-', QUOTE '''')`, `'a;b';4;-\n`)),
  conversation('COPY, binary', copy('(FORMAT binary)', binaryCopy)),
  conversation('COPY, nothing', copy('', ''), { sends: 0 }),
  conversation(
    'COPY, all columns',
    [
      [fe.query('COPY salesforce.accounts FROM STDIN'), 'G'],
      [Buffer.concat([fe.copyData('a9\tNine\t9\tapp\n'), fe.copyFail('never mind')]), 'Z'],
    ],
    { sends: 0 },
  ),
  conversation('COPY, a bad value', copy('', 'x\tno number\t\\N\n'), { sends: 0 }),
  conversation('COPY, too many fields', copy('', 'x\t1\t\\N\textra\n'), { sends: 0 }),
  conversation('COPY, given up', copy('', 'x\t1\t\\N\n', fe.copyFail('enough')), { sends: 0 }),
  conversation('COPY, with a WHERE', copy('WHERE age > 1', 'y\t2\t\\N\nx\t1\t\\N\n')),
  conversation('COPY, in many messages', [
    [fe.query(`COPY ${t} (first_name, age) FROM STDIN`), 'G'],
    [Array.from({ length: 100 }, (_, i) => [fe.copyData(`row ${i}\t`), fe.copyData(`${i}\n`)]).flat(), ''],
    [fe.copyDone, 'Z'],
  ]),
  conversation('COPY, an unknown column', [[fe.query(`COPY ${t} (nope) FROM STDIN`), 'Z']], { sends: 0 }),
  conversation('COPY, by the extended protocol', [
    [[fe.extended(`COPY ${t} (first_name) FROM STDIN`), fe.flush], 'G'],
    [[fe.copyData('ext\n'), fe.copyDone, fe.sync], 'Z'],
  ]),
  conversation('COPY, in a text with others', [
    [fe.query(`SELECT 1; COPY ${t} (first_name) FROM STDIN; SELECT 2`), 'G'],
    [[fe.copyData('mid\n'), fe.copyDone], 'Z'],
  ]),
  conversation('COPY, out', [[fe.query(`COPY (SELECT id FROM ${t} ORDER BY id) TO STDOUT`), 'Z']], { sends: 0 }),
];

export const prepared = [
  queries(
    'PREPARE and EXECUTE',
    [
      `PREPARE p (int, text) AS UPDATE ${t} SET age = $1 WHERE id = $2 RETURNING id, age`,
      "EXECUTE p (7, 'c1')",
      "EXECUTE p (1 + 7, 'c' || 2)",
      'DEALLOCATE p',
      "EXECUTE p (7, 'c1')",
    ],
    { sends: 2 },
  ),
  queries(
    'PREPARE without types',
    [
      `PREPARE p AS INSERT INTO ${t} (first_name, age) VALUES ($1, $2) RETURNING id`,
      "EXECUTE p ('a', 1)",
      "EXECUTE p (NULL, '2')",
      'EXECUTE p (1)',
    ],
    { sends: 2 },
  ),
  queries(
    'PREPARE without parameters',
    [`PREPARE p AS DELETE FROM ${t} WHERE id = 'c1'`, 'EXECUTE p', 'EXECUTE p'],
    {},
  ),
  queries(
    'PREPARE with a name that is taken',
    [`PREPARE p AS DELETE FROM ${t}`, 'PREPARE p AS SELECT 1', 'DEALLOCATE ALL', 'PREPARE p AS SELECT 1', 'EXECUTE p'],
    { sends: 0 },
  ),
  queries('EXECUTE with a bad value', [`PREPARE p AS UPDATE ${t} SET age = $1`, "EXECUTE p ('x')", 'SELECT 1'], {
    sends: 0,
  }),
  queries('PREPARE and EXECUTE in one text', [
    `PREPARE p AS UPDATE ${t} SET age = $1 WHERE id = 'c1'; EXECUTE p (3); SELECT 1`,
  ]),
  queries(
    'EXECUTE in a block',
    [`PREPARE p AS UPDATE ${t} SET age = $1 WHERE id = 'c1' RETURNING age`, 'BEGIN', 'EXECUTE p (3)', 'COMMIT'],
    { differs: 'warns in a block' },
  ),
  conversation('EXECUTE of a statement of the protocol', [
    [[fe.parse(`UPDATE ${t} SET age = $1 WHERE id = 'c1' RETURNING age`, 'p', [23]), fe.sync], 'Z'],
    [fe.query('EXECUTE p (4)'), 'Z'],
  ]),
  conversation('Bind of a statement of PREPARE', [
    [fe.query(`PREPARE p (int) AS UPDATE ${t} SET age = $1 WHERE id = 'c1' RETURNING age`), 'Z'],
    [[fe.bind({ statement: 'p', values: ['5'], resultFormats: [1] }), fe.describe('P'), fe.execute(), fe.sync], 'Z'],
  ]),
  queries(
    'EXECUTE, returning columns of FROM',
    [
      `PREPARE p (int) AS UPDATE ${t} AS c SET last_name = a.name FROM salesforce.accounts AS a WHERE a.id = c.account_id AND a.tier = $1 RETURNING c.id, a.name, c.last_name, $1`,
      'EXECUTE p (1)',
    ],
    {},
  ),
  queries(
    'EXECUTE, returning OLD and NEW',
    [`PREPARE p (int) AS UPDATE ${t} SET age = $1 WHERE id = 'c1' RETURNING old.age, new.age`, 'EXECUTE p (1)'],
    { since: 18 },
  ),
  queries('EXECUTE, an error in RETURNING', [`PREPARE p AS DELETE FROM ${t} RETURNING 1 / 0`, 'EXECUTE p'], {
    sends: 0,
  }),
  queries('EXECUTE with expressions and quotes', [
    `PREPARE "P ü" (text, timestamptz, text[]) AS INSERT INTO ${t} (first_name, created_at, tags) VALUES ($1, $2, $3) RETURNING first_name, created_at, tags`,
    `EXECUTE "P ü" ('it''s (ü)' || ')', '2024-01-01 00:00+00'::timestamptz + interval '1 day', ARRAY[$$a)$$, ')'])`,
  ]),
  queries('PREPARE, EXECUTE and DEALLOCATE in one text, then the name anew', [
    `PREPARE p AS DELETE FROM ${t} WHERE id = 'c1'; EXECUTE p; DEALLOCATE p`,
    'PREPARE p AS SELECT 7 AS seven',
    'EXECUTE p',
  ]),
  conversation(
    'DEALLOCATE by the extended protocol',
    [
      [[fe.parse(`DELETE FROM ${t} WHERE id = 'c1'`, 'p'), fe.sync], 'Z'],
      [[fe.extended('DEALLOCATE p'), fe.sync], 'Z'],
      [[fe.parse('SELECT 8', 'p'), fe.bind({ statement: 'p' }), fe.execute(), fe.sync], 'Z'],
      [fe.query('EXECUTE p'), 'Z'],
    ],
    { sends: 0 },
  ),
  conversation(
    'DEALLOCATE prepared once and executed again and again',
    [
      [[fe.parse('DEALLOCATE p', 'd'), fe.sync], 'Z'],
      [fe.query(`PREPARE p AS DELETE FROM ${t} WHERE id = 'c1'`), 'Z'],
      [[fe.parse('DEALLOCATE p', 'e'), fe.sync], 'Z'],
      [fe.query('EXECUTE p'), 'Z'],
      [[fe.bind({ statement: 'e' }), fe.execute(), fe.sync], 'Z'],
      [fe.query('EXECUTE p'), 'Z'],
      [fe.query(`PREPARE p AS DELETE FROM ${t} WHERE id = 'c2'`), 'Z'],
      [[fe.bind({ statement: 'e' }), fe.execute(), fe.sync], 'Z'],
      [fe.query('EXECUTE p'), 'Z'],
      [fe.query(`PREPARE p AS DELETE FROM ${t} WHERE id = 'c2'`), 'Z'],
      [[fe.bind({ statement: 'd' }), fe.execute(), fe.sync], 'Z'],
      [fe.query('EXECUTE p'), 'Z'],
      [fe.query('PREPARE p AS SELECT 5 AS five'), 'Z'],
      [fe.query('EXECUTE p'), 'Z'],
    ],
    { sends: 1 },
  ),
  conversation(
    'PREPARE by the extended protocol',
    [
      [[fe.extended(`PREPARE p (int) AS UPDATE ${t} SET age = $1 WHERE id = 'c1' RETURNING age`), fe.sync], 'Z'],
      [[fe.bind({ statement: 'p', values: ['9'] }), fe.execute(), fe.sync], 'Z'],
      [fe.query('EXECUTE p (10)'), 'Z'],
    ],
    { sends: 2 },
  ),
  conversation('EXECUTE by the extended protocol', [
    [fe.query(`PREPARE p (int) AS UPDATE ${t} SET age = $1 WHERE id = 'c1' RETURNING age`), 'Z'],
    [[fe.extended('EXECUTE p (6)'), fe.sync], 'Z'],
  ]),
];

const open = ['BEGIN', `DECLARE cur CURSOR FOR SELECT id, age FROM ${t} ORDER BY id FOR UPDATE`, 'FETCH 2 FROM cur'];

export const cursors = [
  queries(
    'UPDATE … WHERE CURRENT OF',
    [
      'BEGIN',
      `DECLARE cur CURSOR FOR SELECT * FROM ${t} WHERE age > 0`,
      'FETCH 1 FROM cur',
      `UPDATE ${t} SET age = age + 1 WHERE CURRENT OF cur RETURNING id, age`,
      'FETCH 1 FROM cur',
      `DELETE FROM ${t} WHERE CURRENT OF cur`,
      'COMMIT',
    ],
    { sends: 2, differs: 'warns in a block' },
  ),
  queries('WHERE CURRENT OF no cursor', [`UPDATE ${t} SET age = 1 WHERE CURRENT OF nope`], { sends: 0 }),
  queries(
    'WHERE CURRENT OF an unpositioned cursor',
    ['BEGIN', `DECLARE cur CURSOR FOR SELECT * FROM ${t}`, `DELETE FROM ${t} WHERE CURRENT OF cur`, 'ROLLBACK'],
    { sends: 0 },
  ),
  queries(
    'a cursor beside a write',
    [
      'BEGIN',
      `DECLARE other CURSOR FOR SELECT n FROM local.notes ORDER BY n`,
      'FETCH 1 FROM other',
      `UPDATE ${t} SET age = 1 WHERE id = 'c1'`,
      'FETCH 1 FROM other',
      'COMMIT',
    ],
    { differs: 'warns in a block' },
  ),
  queries('an own row lock', [...open, `UPDATE ${t} SET age = 1 WHERE id = 'c1'`, 'SELECT 1', 'ROLLBACK'], {
    sends: 0,
    differs: 'an own lock refuses',
  }),
];
