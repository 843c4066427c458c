/** The splices of every fixture's mutations, understood by a real server: names, scopes and types, nothing is run. */
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  asciiIdentifier,
  evaluationText,
  type Mutation,
  quoteIdentifier,
  quoteLiteral,
  type RelationName,
  returningText,
} from '../../src/sql/index.js';
import { startTestPostgres, testedVersion } from '../support/postgres.js';
import { fixtures, schema } from './statements.js';
import { innerMutation, mutationOf, statementsOf } from './support.js';

let client: Client;

beforeAll(async () => {
  const server = await startTestPostgres();
  client = new Client({ connectionString: server.superuserUrl });
  await client.connect();
  await client.query(schema);
  // For the unqualified names among the fixtures.
  await client.query('SET search_path = salesforce, public');
});

afterAll(() => client.end());

/** Names that Postgres must know before it understands the fixture. */
const known = fixtures.filter(({ since = 0 }) => since <= testedVersion);
const mutations = known.flatMap(({ by, sql }) =>
  statementsOf(sql).flatMap((statement) => {
    const mutation = innerMutation(statement);
    return mutation === null ? [] : [{ by, sql, mutation }];
  }),
);

/** Has the server analyse a text without running it, whatever parameters it has. */
async function understood(text: Buffer): Promise<void> {
  await client.query(`PREPARE understood AS ${text.toString()}`);
  await client.query('DEALLOCATE understood');
}

function quoted(name: RelationName): string {
  return [name.schema, name.name]
    .filter((part) => part !== null)
    .map(quoteIdentifier)
    .join('.');
}

/** The target's rows, the FROM items' and OLD's and NEW's, each as a derived table under the name that the list uses. */
function everythingInScope(mutation: Mutation): string {
  const rows = (relation: RelationName, alias: string) =>
    `(SELECT * FROM ${quoted(relation)}) AS ${quoteIdentifier(alias)}`;
  const items = mutation.from.flatMap(({ alias, relation }) =>
    alias === null || relation === null ? [] : [rows(relation, alias)],
  );
  const { oldAlias = 'old', newAlias = 'new', usesOldOrNew = false } = mutation.returning ?? {};
  const versions = usesOldOrNew ? [rows(mutation.target, oldAlias), rows(mutation.target, newAlias)] : [];
  return [rows(mutation.target, mutation.targetAlias), ...items, ...versions].join(' CROSS JOIN ');
}

function systemColumnsOnly({ mutation }: { mutation: Mutation }): boolean {
  return mutation.returning?.systemColumns.length === 0;
}

/** A function or a sub-select in FROM cannot be put in place without its text. */
function namesTablesOnly({ mutation }: { mutation: Mutation }): boolean {
  return mutation.from.every(({ relation }) => relation !== null);
}

describe.each(mutations)('$by: $sql', ({ sql, mutation }) => {
  it('is evaluated with the key and the whole row in front', async () => {
    const alias = asciiIdentifier(mutation.targetAlias);
    await understood(evaluationText(Buffer.from(sql), mutation, `${alias}.id::text, pg_catalog.to_jsonb(${alias}.*)`));
  });
});

describe.each(mutations.filter(systemColumnsOnly).filter(namesTablesOnly))('$by: $sql', ({ sql, mutation }) => {
  it('has its list read over derived tables', async () => {
    await understood(returningText(Buffer.from(sql), mutation, everythingInScope(mutation)));
  });
});

it('a change that was evaluated is what the client’s own statement would have changed', async () => {
  const sql = `INSERT INTO salesforce.accounts VALUES ('1', 'Ünïcode — 漢字') -- x\nRETURNING salesforce.accounts.id -- y`;
  await client.query('BEGIN');
  const ours = await client.query({
    text: evaluationText(Buffer.from(sql), mutationOf(sql), 'accounts.name AS ours').toString(),
    rowMode: 'array',
  });
  await client.query('ROLLBACK');
  expect(ours.rows).toEqual([['Ünïcode — 漢字', '1']]);
  expect((await client.query('SELECT FROM salesforce.accounts')).rowCount).toBe(0);
});

it.each(['on', 'off'])('a literal is the value with standard_conforming_strings = %s', async (setting) => {
  const value = `it's a \\ "test"\n\\'; DROP TABLE x; -- ünï`;
  await client.query(`SET standard_conforming_strings = ${setting}`);
  try {
    const { rows } = await client.query(`SELECT${quoteLiteral(value)} AS value`);
    expect(rows).toEqual([{ value }]);
  } finally {
    await client.query('RESET standard_conforming_strings');
  }
});

it('an identifier in ASCII is the name', async () => {
  const name = 'größe "漢字" \\ 🚀';
  const { rows } = await client.query(`SELECT 1 AS ${asciiIdentifier(name)}`);
  expect(rows).toEqual([{ [name]: 1 }]);
});
