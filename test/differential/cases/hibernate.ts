/** Hibernate over pgjdbc: lower case, aliases such as c1_0, BEGIN in the same pipeline, declared types. */
import * as fe from '../../protocol/raw/frontend.js';
import { conversation } from '../case.js';
import { bool, generated, int4, int8, jdbc, nodePostgres, type Value, varchar } from '../drivers.js';

const table = 'salesforce.contacts';
const warns = { differs: 'warns in a block' } as const;

const rows: readonly (readonly Value[])[] = [
  [int4(1), varchar('b1@x.io')],
  [int4(2), varchar('b2@x.io')],
  [null, varchar('b3@x.io')],
];

const each = rows.map((values) =>
  Buffer.concat([
    fe.bind({
      statement: 'S_2',
      values: values.map((value) => (value === null || typeof value === 'string' ? value : value.bytes)),
      formats: [1, 1],
    }),
    fe.describe('P'),
    fe.execute(1),
  ]),
);

export const hibernate = [
  ...generated(jdbc, warns, {
    persist: {
      sql: `insert into ${table} (age,email,first_name,vip) values ($1,$2,$3,$4)`,
      values: [int4(3), varchar('h@x.io'), varchar('Hib'), bool(true)],
    },
    'persist with a generated key': {
      sql: `insert into ${table} (age,email) values ($1,$2)\nRETURNING "id"`,
      values: [int4(3), varchar('h@x.io')],
    },
    'persist with all generated keys': {
      sql: `insert into ${table} (email) values ($1)\nRETURNING *`,
      values: [varchar('h@x.io')],
    },
    merge: {
      sql: `update ${table} set age=$1,big=$2,email=$3 where id=$4`,
      values: [int4(4), int8(5n), varchar('m@x.io'), varchar('c1')],
    },
    'merge with a version': {
      sql: `update ${table} set big=$1,email=$2 where id=$3 and big=$4`,
      values: [int8(2n), varchar('v@x.io'), varchar('c5'), int8(1n)],
    },
    'hql update': {
      sql: `update ${table} c1_0 set age=(c1_0.age+cast($1 as integer)),email=upper(c1_0.email) where c1_0.id in ($2,$3)`,
      values: [int4(1), varchar('c1'), varchar('c2')],
    },
    'hql update over a join': {
      sql: `update ${table} c1_0 set vip=$1 where exists(select 1 from salesforce.accounts a1_0 where c1_0.account_id=a1_0.id and a1_0.name=$2)`,
      values: [bool(false), varchar('Acme')],
    },
    remove: { sql: `delete from ${table} where id=$1`, values: [varchar('c1')] },
    'hql delete': { sql: `delete from ${table} c1_0 where c1_0.age>$1`, values: [int4(40)] },
    'hql insert from select': {
      sql: `insert into ${table}(email,age) select s1_0.email,coalesce(s1_0.age,$1) from local.staging s1_0`,
      values: [int4(0)],
    },
  }),
  ...generated(
    nodePostgres,
    {},
    {
      'aliases of old Hibernate': {
        sql: `update ${table} as contact0_ set age=$1 where contact0_.id=$2 returning contact0_.id as "col_0_0_", contact0_.age as "col_1_0_", contact0_.first_name as first_nam2_0_`,
        values: ['77', 'c1'],
      },
    },
  ),
  conversation(
    'a batch: one statement, three rows, one pipeline',
    [
      [
        [
          fe.parse('BEGIN'),
          fe.bind(),
          fe.execute(),
          fe.parse(`insert into ${table} (age,email) values ($1,$2)`, 'S_2', [23, 1043]),
          ...each,
          fe.sync,
        ],
        'Z',
      ],
      [[fe.parse('COMMIT'), fe.bind(), fe.execute(), fe.sync], 'Z'],
    ],
    { sends: 3, ...warns },
  ),
  conversation('a batch rewritten as one insert', [
    [
      [
        fe.parse(`insert into ${table} (age,email) values ($1,$2),($3,$4),($5,$6)`, '', [23, 1043, 23, 1043, 23, 1043]),
        fe.bind({ values: ['1', 'a', '2', 'b', null, 'c'] }),
        fe.describe('P'),
        fe.execute(1),
        fe.sync,
      ],
      'Z',
    ],
  ]),
];
