/** `transactions: reject`: a write inside a transaction block is refused wherever the block came from, and nothing is sent. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { play } from '../protocol/case.js';
import { RawConnection } from '../protocol/raw/connection.js';
import * as fe from '../protocol/raw/frontend.js';
import { logIn } from '../protocol/raw/login.js';
import { connect } from '../support/database.js';
import { contacts } from '../support/fake-api.js';
import { type Stack, startStack } from '../support/stack.js';

const insert = `INSERT INTO salesforce.contacts (email) VALUES ('r@x.io') RETURNING id`;

let stack: Stack;
let client: pg.Client;

beforeAll(async () => {
  stack = await startStack({
    resources: [contacts()],
    transactions: 'reject',
    postgres: { hba: ['host all all 127.0.0.1/32 trust'] },
  });
});

beforeEach(async () => {
  stack.api.batches.length = 0;
  client = await connect(stack.url());
});

afterEach(async () => {
  await client.end();
  expect(stack.complaints).toEqual([]);
});

const code = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
  );

describe('refused', () => {
  const id = `'none'`;

  test.each([
    ['an insert', insert],
    ['an update', `UPDATE salesforce.contacts SET age = 1 WHERE id = ${id}`],
    ['a delete', `DELETE FROM salesforce.contacts WHERE id = ${id}`],
  ])('%s in a block, which is aborted by it', async (_, sql) => {
    await client.query('BEGIN');
    expect(await code(client.query(sql))).toBe('25001');
    expect(await code(client.query('SELECT 1'))).toBe('25P02');
    await client.query('ROLLBACK');
    expect(stack.api.batches).toEqual([]);
  });

  test('behind a savepoint, which recovers the block', async () => {
    await client.query('BEGIN; SAVEPOINT a');
    expect(await code(client.query(insert))).toBe('25001');
    await client.query('ROLLBACK TO SAVEPOINT a');
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await client.query('COMMIT');
    expect(stack.api.batches).toEqual([]);
  });

  test('in a block of the same text', async () => {
    expect(await code(client.query(`BEGIN; ${insert}; COMMIT`))).toBe('25001');
    await client.query('ROLLBACK');
    expect(stack.api.batches).toEqual([]);
  });

  test('a COPY in a block', async () => {
    await client.query('BEGIN');
    const copying = pipeline(
      Readable.from(['c@x.io\n']),
      client.query(copyFrom('COPY salesforce.contacts (email) FROM STDIN')),
    );
    expect(await code(copying)).toBe('25001');
    await client.query('ROLLBACK');
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    expect(stack.api.batches).toEqual([]);
  });

  test('an EXECUTE in a block', async () => {
    await client.query(`PREPARE p AS ${insert}`);
    await client.query('BEGIN');
    expect(await code(client.query('EXECUTE p'))).toBe('25001');
    await client.query('ROLLBACK');
    expect((await client.query('EXECUTE p')).rowCount).toBe(1);
  });

  test('in a block that its own pipeline begins', async () => {
    const connection = await RawConnection.open({ host: '127.0.0.1', port: stack.port });
    await logIn(connection, { user: 'app', password: 'app', database: 'upwrite', params: [] });
    const start = connection.transcript.length;
    await play(connection, [[[fe.extended('BEGIN'), fe.extended(insert), fe.extended('SELECT 1'), fe.sync], 'Z']]);
    connection.vanish('FIN');
    const lines = connection.transcript.slice(start);
    expect(lines.find((line) => line.startsWith('E '))).toContain('C25001');
    expect(lines.at(-1)).toBe('Z E');
    expect(stack.api.batches).toEqual([]);
  });
});

describe('not refused', () => {
  test('outside of a block, in a text of several statements, and in a pipeline without BEGIN', async () => {
    await client.query(insert);
    await client.query(`SELECT 1; ${insert}; SELECT 2`);
    await client.query('BEGIN; SELECT 1; COMMIT');
    await client.query(insert);
    expect(stack.api.batches).toHaveLength(3);
    const connection = await RawConnection.open({ host: '127.0.0.1', port: stack.port });
    await logIn(connection, { user: 'app', password: 'app', database: 'upwrite', params: [] });
    await play(connection, [[[fe.extended(insert), fe.extended('SELECT 1'), fe.extended(insert), fe.sync], 'Z']]);
    connection.vanish('FIN');
    expect(stack.api.batches).toHaveLength(5);
  });

  test('what is no write of a synced table', async () => {
    await client.query('BEGIN');
    await client.query(
      'CREATE TEMP TABLE mine (n int); INSERT INTO mine VALUES (1); SELECT * FROM salesforce.contacts',
    );
    expect((await client.query(`EXPLAIN ${insert}`)).rows.length).toBeGreaterThan(0);
    await client.query('COMMIT');
    expect(stack.api.batches).toEqual([]);
  });
});
