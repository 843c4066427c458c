/** pgx and sqlc: a name comment in front, everything in binary, batches as pipelines. */
import * as fe from '../../protocol/raw/frontend.js';
import { conversation } from '../case.js';
import {
  bool,
  bytea,
  date,
  pgx as driver,
  float8,
  generated,
  int4,
  int4Array,
  int8,
  jsonb,
  numeric,
  text,
  textArray,
  timestamptz,
} from '../drivers.js';

const table = 'salesforce.contacts';

export const pgx = [
  ...generated(
    driver,
    {},
    {
      'CreateContact :one': {
        sql: `-- name: CreateContact :one\nINSERT INTO ${table} (\n  first_name, age\n) VALUES (\n  $1, $2\n)\nRETURNING id, first_name, age, created_at`,
        values: [text('Go'), int4(11)],
      },
      'every type in binary': {
        sql: `INSERT INTO ${table} (first_name, age, big, score, balance, vip, born, created_at, photo, extra, tags) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11) RETURNING *`,
        values: [
          text('Ünï'),
          int4(-2147483648),
          int8(-9223372036854775808n),
          float8(1e300),
          numeric([1, 2345, 6700], 1, 2, true),
          bool(false),
          date('2024-02-29'),
          timestamptz('2024-02-29T23:59:59.999Z'),
          bytea(Buffer.from([0, 1, 254, 255])),
          jsonb('{"a": 1.1, "ü": "\\u00e9"}'),
          textArray(['x', null, 'a "q" \\b', '']),
        ],
      },
      'every type as NULL': {
        sql: `INSERT INTO ${table} (first_name, age, big, score, balance, vip, born, created_at, photo, extra, tags) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11) RETURNING *`,
        values: [null, null, null, null, null, null, null, null, null, null, null],
      },
      narg: {
        sql: `-- name: UpdateContact :exec\nUPDATE ${table} SET email = COALESCE($1::text, email), age = COALESCE($2, age) WHERE id = $3`,
        values: [null, int4(44), text('c1')],
      },
      'any of an array': {
        sql: `-- name: Promote :execrows\nUPDATE ${table} SET vip = true WHERE id = ANY($1::text[])`,
        values: [textArray(['c1', 'c2', 'nobody'])],
      },
      'insert of unnested arrays': {
        sql: `-- name: BulkInsert :many\nINSERT INTO ${table} (email, age) SELECT unnest($1::text[]), unnest($2::int[]) RETURNING id, email, age`,
        values: [textArray(['u1@x.io', 'u2@x.io']), int4Array([1, 2])],
      },
      'update of unnested arrays': {
        sql: `UPDATE ${table} AS c SET age = v.age FROM (SELECT unnest($1::text[]) AS id, unnest($2::int[]) AS age) AS v WHERE c.id = v.id`,
        values: [textArray(['c1', 'c2']), int4Array([81, 82])],
      },
      'not-a-number and infinity': {
        sql: `UPDATE ${table} SET score = $1, created_at = 'infinity', balance = 'NaN' WHERE id = $2 RETURNING score, created_at, balance`,
        values: [float8(Number.NaN), text('c1')],
      },
      'DeleteContact :one': {
        sql: `-- name: DeleteContact :one\nDELETE FROM ${table} WHERE id = $1 RETURNING *`,
        values: [text('c5')],
      },
      'DeleteContact of nobody': {
        sql: `-- name: DeleteContact :one\nDELETE FROM ${table} WHERE id = $1 RETURNING *`,
        values: [text('nobody')],
        sends: 0,
      },
    },
  ),
  conversation(
    'SendBatch',
    [
      [
        [
          fe.parse(`INSERT INTO ${table} (email) VALUES ($1) RETURNING id`, 'one'),
          fe.describe('S', 'one'),
          fe.parse(`UPDATE ${table} SET age = $1 WHERE id = $2`, 'two'),
          fe.describe('S', 'two'),
          fe.sync,
        ],
        'Z',
      ],
      [
        [
          fe.bind({ statement: 'one', values: ['q1@x.io'], resultFormats: [1] }),
          fe.describe('P'),
          fe.execute(),
          fe.bind({ statement: 'two', values: ['7', 'c1'] }),
          fe.describe('P'),
          fe.execute(),
          fe.bind({ statement: 'one', values: ['q2@x.io'], resultFormats: [1] }),
          fe.describe('P'),
          fe.execute(),
          fe.sync,
        ],
        'Z',
      ],
    ],
    { sends: 3 },
  ),
];
