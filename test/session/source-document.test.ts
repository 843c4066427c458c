/** The source document's own session, typed into psql through Upwrite, and the same through a driver. */
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { connect } from '../support/database.js';
import { type SalesforceUpwrite, startSalesforceUpwrite } from '../support/salesforce-upwrite.js';

const hasPsql = spawnSync('psql', ['--version']).status === 0;
const collections = '/services/data/v62.0/composite/sobjects';

let upwrite: SalesforceUpwrite;

beforeAll(async () => {
  upwrite = await startSalesforceUpwrite();
});

/** What psql shows, its standard error in place, for statements typed one after another. */
async function psql(...statements: readonly string[]): Promise<string> {
  const script = statements.map((statement) => `${statement}\n`).join('');
  const run = promisify(execFile)(
    'bash',
    ['-c', 'psql -X -q "$0" 2>&1 <<<"$1"', upwrite.url(), `\\unset QUIET\n${script}`],
    { env: { ...process.env, PGAPPNAME: 'psql' } },
  );
  return (await run).stdout;
}

describe.runIf(hasPsql)('psql', () => {
  test('the session of the document', async () => {
    const before = upwrite.lastRequest();
    const inserted = await psql(
      `insert into salesforce.contacts (first_name, last_name, email)
       values ('Paul', 'Atreides', 'paul.atreides@caladan.io')
       returning id;`,
    );
    expect(inserted).toMatch(/^ {9}id {9}\n-{20}\n 003\w{15}\n\(1 row\)\n\nINSERT 0 1\n$/);
    const id = /003\w{15}/.exec(inserted)?.[0] ?? '';

    expect(
      await psql(
        `update salesforce.contacts
         set email = 'paul@dune.co', note = 'Moved to new planet called Dune'
         where id = '${id}';`,
      ),
    ).toBe('UPDATE 1\n');
    expect(upwrite.sandbox.records('Contact').find((record) => record['Id'] === id)).toMatchObject({
      Email: 'paul@dune.co',
      Note__c: 'Moved to new planet called Dune',
    });

    expect(await psql(`update salesforce.contacts set email = 'pauldune.co' where id = '${id}';`)).toBe(
      'ERROR:  salesforce validation error\n' +
        'DETAIL:  Key (email)=(pauldune.co) is not a valid email address.\n' +
        'CONTEXT:  salesforce answered INVALID_EMAIL_ADDRESS: Email: invalid email address: pauldune.co\n',
    );
    expect(await psql(`select email from salesforce.contacts where id = '${id}';`)).toContain(' paul@dune.co\n(1 row)');

    expect(await psql(`delete from salesforce.contacts where email = 'paul@dune.co';`)).toBe('DELETE 1\n');
    expect(upwrite.writesSince(before)).toEqual([
      `POST ${collections}`,
      `PATCH ${collections}`,
      `PATCH ${collections}`,
      `DELETE ${collections}`,
    ]);
  });

  test('201 rows are refused and nothing is sent', async () => {
    const before = upwrite.lastRequest();
    const shown = await psql(
      '\\set VERBOSITY verbose',
      `insert into salesforce.contacts (last_name) select 'Fremen ' || n from generate_series(1, 201) n;`,
    );
    expect(shown).toContain('ERROR:  54000: INSERT on table "contacts" has 201 rows, more than the 200');
    expect(shown).toContain('DETAIL:  Nothing was sent.');
    expect(upwrite.writesSince(before)).toEqual([]);
  });

  test('200 rows are one request', async () => {
    const before = upwrite.lastRequest();
    expect(
      await psql(
        `insert into salesforce.contacts (last_name, note) select 'Fremen ' || n, 'sietch' from generate_series(1, 200) n;`,
        `update salesforce.contacts set note = note || '!' where note = 'sietch';`,
        `delete from salesforce.contacts where note = 'sietch!';`,
      ),
    ).toBe('INSERT 0 200\nUPDATE 200\nDELETE 200\n');
    expect(upwrite.writesSince(before)).toEqual([
      `POST ${collections}`,
      `PATCH ${collections}`,
      `DELETE ${collections}`,
    ]);
  });

  test('a rollback does not undo a write, and a warning says so', async () => {
    const shown = await psql(
      'begin;',
      `insert into salesforce.contacts (last_name, email) values ('Atreides', 'leto@caladan.io');`,
      'rollback;',
      `select count(*) from salesforce.contacts where email = 'leto@caladan.io';`,
    );
    expect(shown).toContain('WARNING:  INSERT on table "contacts" took effect at once, outside the transaction');
    expect(shown).toContain('INSERT 0 1\nROLLBACK\n');
    expect(shown).toMatch(/ {5}1\n\(1 row\)/);
  });
});

describe('a driver', () => {
  test('a direct write around Upwrite fails and changes nothing', async () => {
    const direct = await connect(upwrite.server.url());
    for (const sql of [
      `INSERT INTO salesforce.contacts (last_name) VALUES ('X')`,
      `UPDATE salesforce.contacts SET note = 'X'`,
      'DELETE FROM salesforce.contacts',
    ]) {
      const error = await direct.query(sql).then(
        () => null,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(pg.DatabaseError);
      expect(error).toMatchObject({ code: '25006', schema: 'salesforce', table: 'contacts' });
    }
    const { rows } = await direct.query(`SELECT count(*)::int AS n FROM salesforce.contacts WHERE note = 'X'`);
    expect(rows).toEqual([{ n: 0 }]);
  });

  test('the journal can be read in SQL', async () => {
    const client = await connect(upwrite.url());
    const { rows: inserted } = await client.query<{ id: string }>(
      `INSERT INTO salesforce.contacts (last_name) VALUES ($1) RETURNING id`,
      ['Journal'],
    );
    const { rows } = await client.query(
      `SELECT role, connection, schema_name, table_name, verb, rows, state, method FROM upwrite.mutations ORDER BY id DESC LIMIT 1`,
    );
    expect(rows).toEqual([
      {
        role: 'app',
        connection: 'salesforce',
        schema_name: 'salesforce',
        table_name: 'contacts',
        verb: 'insert',
        rows: 1,
        state: 'applied',
        method: 'POST',
      },
    ]);
    await client.query('DELETE FROM salesforce.contacts WHERE id = $1', [inserted[0]?.id]);
  });
});
