/** A client of another encoding than UTF-8 reads what Upwrite says, and what the database says within a write. */
import { beforeAll, describe, expect, test } from 'vitest';
import { RawConnection } from '../protocol/raw/connection.js';
import * as fe from '../protocol/raw/frontend.js';
import { logIn } from '../protocol/raw/login.js';
import { connect } from '../support/database.js';
import { contacts } from '../support/fake-api.js';
import { type Stack, startStack } from '../support/stack.js';
import { refusing } from '../support/writable-api.js';

let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ resources: [contacts()], postgres: { hba: ['host all all 127.0.0.1/32 trust'] } });
  const admin = await connect(stack.server.superuserUrl);
  await admin.query(
    `CREATE FUNCTION public.fail() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'Größe' USING DETAIL = 'für'; END $$`,
  );
});

/** The fields of the error that a query ends with, each text as latin1-decoded bytes. */
async function errorOf(encoding: string, sql: string): Promise<ReadonlyMap<string, string>> {
  const connection = await RawConnection.open({ host: '127.0.0.1', port: stack.port });
  const params = [['client_encoding', encoding]] as const;
  if (!(await logIn(connection, { user: 'app', password: 'app', database: 'upwrite', params }))) {
    throw new Error('no login');
  }
  await connection.send(fe.query(sql));
  const error = await connection.until('E');
  connection.vanish('FIN');
  const fields = error?.body.toString('latin1').split('\0') ?? [];
  return new Map(fields.map((field) => [field.slice(0, 1), field.slice(1)]));
}

const bytes = (text: string, encoding: 'utf8' | 'latin1'): string => Buffer.from(text, encoding).toString('latin1');

describe.each([
  ['UTF8', (text: string) => bytes(text, 'utf8')],
  ['LATIN1', (text: string) => bytes(text, 'latin1')],
] as const)('%s', (encoding, encoded) => {
  test('what the API refuses', async () => {
    stack.api.answers.push(refusing(0, 'email', 'Die Größe ist falsch.'));
    const fields = await errorOf(encoding, `INSERT INTO salesforce.contacts (email) VALUES ('x')`);
    expect(fields.get('C')).toBe('23514');
    expect(fields.get('D')).toBe(encoded('Die Größe ist falsch.'));
  });

  test('what a function of the statement raises', async () => {
    const fields = await errorOf(encoding, `INSERT INTO salesforce.contacts (email) VALUES (public.fail())`);
    expect(fields.get('M') ?? fields).toBe(encoded('Größe'));
    expect(fields.get('D')).toBe(encoded('für'));
  });
});

test('an encoding of East Asia gets what it can surely show', async () => {
  stack.api.answers.push(refusing(0, 'email', 'Die Größe ist falsch.'));
  const fields = await errorOf('SJIS', `INSERT INTO salesforce.contacts (email) VALUES ('x')`);
  expect(fields.get('D')).toBe('Die Gr??e ist falsch.');
});
