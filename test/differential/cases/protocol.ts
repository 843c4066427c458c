/** The messages around a write: portals in parts, Describe, named statements, pipelines, multi-statement texts. */
import type { Turn } from '../../protocol/case.js';
import * as fe from '../../protocol/raw/frontend.js';
import { conversation, queries } from '../case.js';

const t = 'salesforce.contacts';
const insert = `INSERT INTO ${t} (email) VALUES ('p@x.io') RETURNING id`;
const five = `UPDATE ${t} SET vip = false RETURNING id, first_name`;

function thousand(): Turn[] {
  const parse: Turn = [[fe.parse(`UPDATE ${t} SET age = $1 WHERE id = $2 RETURNING age`, 'again'), fe.sync], 'Z'];
  const runs = Array.from(
    { length: 1000 },
    (_, i): Turn => [[fe.bind({ statement: 'again', values: [String(i), 'c1'] }), fe.execute(), fe.sync], 'Z'],
  );
  return [parse, ...runs];
}

export const protocol = [
  conversation(
    'a portal fetched in parts',
    [
      [[fe.query('BEGIN')], 'Z'],
      [[fe.parse(five), fe.bind({ portal: 'p' }), fe.describe('P', 'p'), fe.execute(2, 'p'), fe.flush], 's'],
      [[fe.execute(2, 'p'), fe.flush], 's'],
      [[fe.execute(2, 'p'), fe.flush], 'C'],
      [[fe.execute(2, 'p'), fe.flush], 'C'],
      [[fe.close('P', 'p'), fe.sync], 'Z'],
      [[fe.query('COMMIT')], 'Z'],
    ],
    { differs: 'warns in a block' },
  ),
  conversation('a portal fetched in parts, to the row', [
    [[fe.parse(five), fe.bind(), fe.execute(5), fe.execute(5), fe.execute(0), fe.sync], 'Z'],
  ]),
  conversation('a portal fetched in parts, then everything', [
    [[fe.parse(five), fe.bind({ resultFormats: [1] }), fe.execute(1), fe.execute(0), fe.sync], 'Z'],
  ]),
  conversation('a portal fetched in parts and given up', [
    [[fe.parse(five), fe.bind(), fe.execute(1), fe.sync], 'Z'],
    [[fe.execute(1), fe.sync], 'Z'],
  ]),
  conversation(
    'a portal fetched in parts, other statements between',
    [
      [[fe.query('BEGIN')], 'Z'],
      [[fe.parse(five), fe.bind({ portal: 'p' }), fe.execute(2, 'p'), fe.sync], 'Z'],
      [[fe.query('SELECT 1')], 'Z'],
      [[fe.extended("SELECT 'two'"), fe.execute(2, 'p'), fe.sync], 'Z'],
      [[fe.query('COMMIT')], 'Z'],
      [[fe.execute(2, 'p'), fe.sync], 'Z'],
    ],
    { differs: 'warns in a block' },
  ),
  conversation(
    'a portal without rows, executed twice',
    [[[fe.parse(`UPDATE ${t} SET vip = true`), fe.bind(), fe.execute(), fe.execute(), fe.sync], 'Z']],
    { differs: 'the second run of a portal' },
  ),
  conversation('a limit on a statement without RETURNING', [
    [[fe.parse(`UPDATE ${t} SET vip = true`), fe.bind(), fe.execute(2), fe.sync], 'Z'],
  ]),
  conversation('Describe before and after Execute', [
    [
      [
        fe.parse(five, 's'),
        fe.describe('S', 's'),
        fe.bind({ statement: 's', portal: 'p' }),
        fe.describe('P', 'p'),
        fe.execute(0, 'p'),
        fe.describe('P', 'p'),
        fe.describe('S', 's'),
        fe.sync,
      ],
      'Z',
    ],
    [[fe.describe('S', 's'), fe.sync], 'Z'],
  ]),
  conversation('Describe only', [[[fe.parse(five), fe.describe('S'), fe.bind(), fe.describe('P'), fe.sync], 'Z']], {
    sends: 0,
  }),
  conversation(
    'Parse only',
    [
      [[fe.parse(five, 's'), fe.sync], 'Z'],
      [[fe.close('S', 's'), fe.sync], 'Z'],
    ],
    { sends: 0 },
  ),
  conversation('a named statement a thousand times', thousand(), { sends: 1000 }),
  conversation('a named statement whose table’s search path changes', [
    [[fe.query('SET search_path = local')], 'Z'],
    [
      [
        fe.parse(`INSERT INTO contacts (email) VALUES ($1) RETURNING email`, 's'),
        fe.bind({ statement: 's', values: ['one'] }),
        fe.execute(),
        fe.sync,
      ],
      'Z',
    ],
    [[fe.query('SET search_path = salesforce')], 'Z'],
    [[fe.bind({ statement: 's', values: ['two'] }), fe.execute(), fe.sync], 'Z'],
  ]),
  conversation('a named statement closed and made anew', [
    [[fe.parse(insert, 's'), fe.bind({ statement: 's' }), fe.execute(), fe.sync], 'Z'],
    [[fe.parse('SELECT 1', 's'), fe.sync], 'Z'],
    [[fe.close('S', 's'), fe.parse('SELECT 1', 's'), fe.bind({ statement: 's' }), fe.execute(), fe.sync], 'Z'],
  ]),
  conversation('DEALLOCATE of a named statement', [
    [[fe.parse(insert, 's'), fe.bind({ statement: 's' }), fe.execute(), fe.sync], 'Z'],
    [[fe.query('DEALLOCATE s')], 'Z'],
    [[fe.bind({ statement: 's' }), fe.execute(), fe.sync], 'Z'],
    [[fe.parse('SELECT 2', 's'), fe.bind({ statement: 's' }), fe.execute(), fe.sync], 'Z'],
  ]),
  conversation(
    'DISCARD ALL',
    [
      [[fe.parse(insert, 's'), fe.sync], 'Z'],
      [[fe.query('DISCARD ALL')], 'Z'],
      [[fe.parse('SELECT 2', 's'), fe.bind({ statement: 's' }), fe.execute(), fe.sync], 'Z'],
    ],
    { sends: 0 },
  ),
  conversation(
    'the unnamed statement replaced by a query',
    [
      [[fe.parse(insert), fe.sync], 'Z'],
      [[fe.query('SELECT 1')], 'Z'],
      [[fe.bind(), fe.execute(), fe.sync], 'Z'],
    ],
    { sends: 0 },
  ),
  conversation(
    'a bind with too few parameters',
    [
      [[fe.extended(`UPDATE ${t} SET age = $1 WHERE id = $2`, ['1']), fe.sync], 'Z'],
      [[fe.query('SELECT 1')], 'Z'],
    ],
    { sends: 0 },
  ),
  conversation(
    'a bind of a bad value',
    [[[fe.extended(`UPDATE ${t} SET age = $1 WHERE id = $2 RETURNING id`, ['no number', 'c1']), fe.sync], 'Z']],
    { sends: 0 },
  ),
  conversation(
    'a pipeline of writes',
    [
      [
        [
          fe.extended(insert),
          fe.extended(`UPDATE ${t} SET age = 1 WHERE id = 'c1'`),
          fe.extended(`DELETE FROM ${t} WHERE id = 'c2' RETURNING id`),
          fe.sync,
        ],
        'Z',
      ],
    ],
    { sends: 3 },
  ),
  conversation(
    'a pipeline of writes, a Sync each',
    [[[fe.extended(insert), fe.sync, fe.extended(insert), fe.sync, fe.extended('SELECT 1'), fe.sync], 'ZZZ']],
    { sends: 2 },
  ),
  conversation('a pipeline, reads between', [
    [
      [
        fe.extended('SELECT 1'),
        fe.extended(insert),
        fe.extended(`SELECT count(*) FROM ${t}`),
        fe.extended('INSERT INTO local.audit VALUES ($1) RETURNING what', ['x']),
        fe.sync,
      ],
      'Z',
    ],
  ]),
  conversation(
    'a pipeline, an error before the write',
    [
      [
        [
          fe.extended('INSERT INTO local.audit VALUES (1)'),
          fe.extended('SELECT 1/0'),
          fe.extended(insert),
          fe.sync,
          fe.extended('SELECT 2'),
          fe.sync,
        ],
        'ZZ',
      ],
    ],
    { sends: 0 },
  ),
  conversation(
    'a pipeline, an error in the write',
    [
      [
        [
          fe.extended('INSERT INTO local.audit VALUES (1)'),
          fe.extended(`UPDATE ${t} SET age = 1/0`),
          fe.extended(insert),
          fe.sync,
          fe.extended('SELECT 2'),
          fe.sync,
        ],
        'ZZ',
      ],
    ],
    { sends: 0 },
  ),
  conversation(
    'a pipeline, an error behind the write',
    [
      [
        [
          fe.extended('INSERT INTO local.audit VALUES (1)'),
          fe.extended(insert),
          fe.extended('SELECT 1/0'),
          fe.extended('SELECT 3'),
          fe.sync,
          fe.extended('SELECT 2'),
          fe.sync,
        ],
        'ZZ',
      ],
    ],
    { differs: 'stands after a later error' },
  ),
  conversation(
    'a pipeline, a syntax error behind the write',
    [
      [[fe.extended(insert), fe.extended('SELEC 1'), fe.extended('SELECT 3'), fe.sync], 'Z'],
      [[fe.query('SELECT 2')], 'Z'],
    ],
    { differs: 'stands after a later error' },
  ),
  conversation(
    'a pipeline that begins a transaction',
    [
      [[fe.extended('BEGIN'), fe.extended(insert), fe.extended('SELECT 1'), fe.sync], 'Z'],
      [[fe.query('COMMIT')], 'Z'],
    ],
    { differs: 'warns in a block' },
  ),
  conversation('a pipeline that ends a transaction before the write', [
    [[fe.query('BEGIN')], 'Z'],
    [[fe.extended('INSERT INTO local.audit VALUES (1)'), fe.extended('COMMIT'), fe.extended(insert), fe.sync], 'Z'],
    [[fe.query('ROLLBACK')], 'Z'],
  ]),
  conversation('a pipeline that ends a failed transaction before the write', [
    [[fe.query('BEGIN; SELECT 1/0')], 'Z'],
    [[fe.extended('ROLLBACK'), fe.extended(insert), fe.sync], 'Z'],
  ]),
  conversation(
    'a pipeline that begins a transaction behind the write',
    [
      [[fe.extended(insert), fe.extended('BEGIN'), fe.extended('INSERT INTO local.audit VALUES (1)'), fe.sync], 'Z'],
      [[fe.query('ROLLBACK')], 'Z'],
    ],
    { differs: 'stands after a later error' },
  ),
  conversation(
    'a pipeline that begins a transaction behind the write, prepared earlier',
    [
      [[fe.parse('BEGIN', 'b'), fe.sync], 'Z'],
      [
        [
          fe.extended(insert),
          fe.bind({ statement: 'b' }),
          fe.execute(),
          fe.extended('INSERT INTO local.audit VALUES (1)'),
          fe.sync,
        ],
        'Z',
      ],
      [[fe.query('SELECT count(*) FROM local.audit')], 'Z'],
      [[fe.query('ROLLBACK')], 'Z'],
      [[fe.bind({ statement: 'b' }), fe.execute(), fe.sync], 'Z'],
      [[fe.query('COMMIT')], 'Z'],
    ],
    { differs: 'stands after a later error' },
  ),
  conversation(
    'a pipeline with a transaction of its own',
    [[[fe.extended('BEGIN'), fe.extended(insert), fe.extended('COMMIT'), fe.extended('SELECT 1'), fe.sync], 'Z']],
    { differs: 'warns in a block' },
  ),
  conversation('Flush behind the write', [
    [[fe.extended(insert), fe.flush], 'C'],
    [[fe.extended('SELECT 1'), fe.flush], 'C'],
    [[fe.sync], 'Z'],
  ]),
  queries('several statements: write, read', [`${insert}; SELECT 1 AS one`]),
  queries('several statements: read, write', [`SELECT 1 AS one; ${insert}`]),
  queries('several statements: writes', [`${insert}; ${five}; DELETE FROM ${t} WHERE id = 'c1'`], { sends: 3 }),
  queries('several statements: a read of the write', [
    `${insert}; SELECT count(*) FROM ${t}; INSERT INTO local.audit SELECT count(*) FROM ${t}`,
  ]),
  queries('several statements: an error first', [`SELECT 1/0; ${insert}; SELECT 1`], { sends: 0 }),
  queries('several statements: an error before', [`INSERT INTO local.audit VALUES (1); SELECT 1/0; ${insert}`], {
    sends: 0,
  }),
  queries(
    'several statements: an error in the write',
    [`INSERT INTO local.audit VALUES (1); UPDATE ${t} SET age = 'ü' || nope RETURNING id; SELECT 1`],
    { sends: 0 },
  ),
  queries(
    'several statements: a runtime error in the write',
    [`INSERT INTO local.audit VALUES ('ü'); UPDATE ${t} SET age = 1/0; SELECT 1`],
    { sends: 0 },
  ),
  queries(
    'several statements: an error behind',
    [`INSERT INTO local.audit VALUES (1); ${insert}; SELECT 1/0; SELECT 2`],
    { differs: 'stands after a later error' },
  ),
  queries('several statements: an error with a position behind', [`${insert}; SELECT 'ü', nope`], {
    differs: 'stands after a later error',
  }),
  queries('several statements: a syntax error', [`${insert}; SELEC 2`], { sends: 0 }),
  queries('several statements: a block of their own', [`BEGIN; ${insert}; COMMIT`], { differs: 'warns in a block' }),
  queries('several statements: a block left open', [`BEGIN; ${insert}`, 'SELECT 1', 'COMMIT'], {
    differs: 'warns in a block',
  }),
  queries(
    'several statements: a block begun behind',
    [`${insert}; BEGIN; INSERT INTO local.audit VALUES (1)`, 'ROLLBACK'],
    { differs: 'stands after a later error' },
  ),
  queries(
    'several statements: commit in the middle',
    [`INSERT INTO local.audit VALUES (1); COMMIT; ${insert}; SELECT 1`],
    { differs: 'another source line' },
  ),
  queries('several statements: rollback in the middle', [
    `INSERT INTO local.audit VALUES (1); ROLLBACK; ${insert}; SELECT 1`,
  ]),
  queries(
    'several statements: set local',
    [`SET LOCAL search_path = salesforce; INSERT INTO contacts (email) VALUES ('x') RETURNING id; SHOW search_path`],
    // Older ones do not report the setting.
    { differs: 'settings are reported at once', since: 18 },
  ),
  queries('several statements: a savepoint behind', [`${insert}; SAVEPOINT a; SELECT 1`, 'SELECT 2'], {
    differs: 'stands after a later error, from another source line',
  }),
  queries('several statements: a savepoint in front', [`SAVEPOINT a; ${insert}`], {
    sends: 0,
    differs: 'another source line',
  }),
  queries(
    'several statements: a block that recovers',
    [`BEGIN; SAVEPOINT a; ${insert}; ROLLBACK TO a; COMMIT; SELECT 1`],
    { differs: 'stands after a rollback' },
  ),
  queries('several statements: an error in a block', [`BEGIN; ${insert}; SELECT 1/0; COMMIT`, 'SELECT 1', 'ROLLBACK'], {
    differs: 'stands after a rollback',
  }),
  queries(
    'several statements: comments and dollar quotes between',
    [
      `/* a; */ ${insert}; -- b; \n SELECT $x$;$x$, ';' ; DO $$ BEGIN PERFORM 1; END $$; UPDATE ${t} SET age = 1 WHERE id = 'c1'`,
    ],
    { sends: 2 },
  ),
  queries('several statements: DDL between', [
    `CREATE TEMP TABLE tt (a int); ${insert}; INSERT INTO tt VALUES (1); SELECT * FROM tt; DROP TABLE tt`,
  ]),
  queries('several statements: COPY out between', [`${insert}; COPY local.notes TO STDOUT; SELECT 1`]),
  queries('LISTEN and a notification in the text', [`LISTEN ch; NOTIFY ch, 'x'; ${insert}`, 'UNLISTEN ch']),
  queries('an empty query', ['', ';', `${insert};;`]),
];
