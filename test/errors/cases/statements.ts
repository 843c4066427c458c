/** What Upwrite itself refuses, and what goes wrong on the way to an answer: a scripted API, and strikes on purpose. */
import type pg from 'pg';
import { fault } from '../../../src/errors/index.js';
import type { WriteResult } from '../../../src/provider/index.js';
import { deferred } from '../../concurrency/held-api.js';
import { type ErrorCase, refusal } from '../case.js';
import type { StatementWorld } from '../statement-world.js';

const contacts = { schema: 'salesforce', table: 'contacts' };
const nothingSent = 'Nothing was sent to salesforce.';

/** A case that is one statement. */
const statement =
  (sql: string) =>
  (world: StatementWorld): ReturnType<typeof refusal> =>
    world.failing((client) => client.query(sql));

/** Reads a synced table with a wish for fresh data. */
async function freshRead(client: pg.Client, first = 'SELECT'): Promise<void> {
  await client.query(first);
  await client.query("SET upwrite.max_staleness = '10s'");
  await client.query('SELECT FROM salesforce.contacts');
}

export const statements: readonly ErrorCase<StatementWorld>[] = [
  {
    code: 'read_only_column',
    title: 'a column that the API computes',
    provoke: statement(`INSERT INTO salesforce.contacts (email, modified_at) VALUES ('a@x.io', now())`),
    shows: {
      sqlstate: '428C9',
      message: 'column "modified_at" of table "contacts" cannot be set by INSERT',
      detail: 'salesforce sets it itself or does not let it change. Nothing was sent.',
      hint: 'Leave the column out of the statement.',
      ...contacts,
      column: 'modified_at',
    },
  },
  {
    code: 'inexact_number',
    title: 'a number in JSON of more digits than a double has',
    provoke: statement(
      `INSERT INTO salesforce.contacts (email, extra) VALUES ('j@x.io', '{"12345678901234567891": [1.50, 12345678901234567891]}')`,
    ),
    shows: {
      sqlstate: '22003',
      message: 'a number in column "extra" of table "contacts" cannot reach salesforce exactly',
      detail:
        'JSON goes to an API with numbers of double precision: 12345678901234567891 would become 12345678901234567000. Nothing was sent.',
      hint: 'Round the number, or give it as a string.',
      ...contacts,
      column: 'extra',
    },
  },
  {
    code: 'too_many_rows',
    title: 'an UPDATE of 101 rows where 100 are allowed',
    provoke: async (world) => {
      await world.store(101);
      return world.failing((client) => client.query('UPDATE salesforce.contacts SET age = 1'));
    },
    shows: {
      sqlstate: '54000',
      message: 'UPDATE on table "contacts" has 101 rows, more than the 100 that one salesforce request takes',
      detail: 'Nothing was sent.',
      hint: 'Split the statement into batches of at most 100 rows.',
      ...contacts,
    },
  },
  {
    code: 'unsupported',
    title: 'MERGE',
    provoke: statement(
      `MERGE INTO salesforce.contacts USING (SELECT 1) AS s ON false WHEN NOT MATCHED THEN INSERT (email) VALUES ('m@x.io')`,
    ),
    shows: {
      sqlstate: '0A000',
      message: 'MERGE is not supported on table "contacts", which is synced with salesforce',
      detail: 'It cannot be one API request. Nothing was sent.',
      hint: 'Write a plain INSERT, UPDATE or DELETE of the table: each becomes one API request.',
      ...contacts,
    },
  },
  {
    code: 'verb_not_offered',
    title: 'a table whose records the API does not delete',
    provoke: statement('DELETE FROM salesforce.ledger'),
    shows: {
      sqlstate: '0A000',
      message: 'salesforce does not offer DELETE on table "ledger"',
      detail: 'Nothing was sent.',
      schema: 'salesforce',
      table: 'ledger',
    },
  },
  {
    code: 'not_configured',
    title: 'a table whose connection is gone from the configuration',
    provoke: async (world) => {
      world.connected = false;
      try {
        return await world.failing((client) =>
          client.query(`INSERT INTO salesforce.contacts (email) VALUES ('a@x.io')`),
        );
      } finally {
        world.connected = true;
      }
    },
    shows: {
      sqlstate: '55000',
      message: 'table "contacts" of connection "salesforce" is not in the configuration',
      detail: 'Nothing was sent.',
      hint: 'Put it back into the configuration, or remove the table with "upwrite drop", or keep it as an ordinary one with "upwrite release".',
      ...contacts,
    },
  },
  {
    code: 'returning_failed',
    title: 'RETURNING divides by what the API has made of the value',
    provoke: (world) => {
      world.api.answers.push((batch) => {
        const { requests, outcomes } = world.api.accept(batch);
        return {
          requests,
          outcomes: outcomes.map((outcome) =>
            outcome.kind === 'applied' ? { ...outcome, record: { ...outcome.record, values: { age: 0 } } } : outcome,
          ),
        };
      });
      return world.failing((client) =>
        client.query(`INSERT INTO salesforce.contacts (email, age) VALUES ('a@x.io', 1) RETURNING 1 / age`),
      );
    },
    shows: {
      sqlstate: '40003',
      message: 'salesforce applied the write, but its RETURNING list could not be evaluated',
      detail: 'The rows are in the database.',
      hint: 'Do not send it again: read the rows with a SELECT.',
      context: 'the database answered: division by zero',
      ...contacts,
    },
  },
  {
    code: 'partially_applied',
    title: 'an API that takes one row and refuses another',
    provoke: (world) => {
      world.api.answers.push((batch): WriteResult => {
        const { outcomes, requests } = world.api.accept({ ...batch, rows: batch.rows.slice(0, 1) });
        const detail = 'Key (email)=(b@x.io) already exists.';
        const refused = fault('duplicate', { params: { provider: 'salesforce' }, detail, column: 'email' });
        return { outcomes: [...outcomes, { kind: 'rejected', fault: refused }], requests };
      });
      return world.failing((client) =>
        client.query(`INSERT INTO salesforce.contacts (email) VALUES ('a@x.io'), ('b@x.io')`),
      );
    },
    shows: {
      sqlstate: 'UW001',
      message: 'salesforce applied 1 of 2 rows',
      detail:
        /^Applied and in the database: row 1 \(003\d{15}\)\. Not applied: row 2: Key \(email\)=\(b@x\.io\) already exists\.$/,
      hint: 'Run the INSERT again for the rows that were not applied.',
      ...contacts,
    },
  },
  {
    code: 'lock_timeout',
    title: "the transaction's own row lock",
    provoke: async (world) => {
      const [id] = await world.store(1);
      return world.failing(async (client) => {
        await client.query('BEGIN');
        await client.query('SELECT FROM salesforce.contacts WHERE id = $1 FOR UPDATE', [id]);
        await client.query('UPDATE salesforce.contacts SET age = 1 WHERE id = $1', [id]);
      });
    },
    shows: {
      sqlstate: '55P03',
      message: 'could not lock the rows of table "contacts" within 0.5 s',
      detail: nothingSent,
      ...contacts,
    },
  },
  {
    code: 'lock_timeout',
    title: 'another write of the same row that waits for the API',
    provoke: async (world) => {
      const [id] = await world.store(1);
      const update = `UPDATE salesforce.contacts SET age = 1 WHERE id = '${id}'`;
      const release = await world.occupy(update);
      try {
        return await world.failing((client) => client.query(update));
      } finally {
        await release();
      }
    },
    shows: {
      sqlstate: '55P03',
      message: 'could not lock the rows of table "contacts" within 0.5 s',
      detail: nothingSent,
      ...contacts,
    },
  },
  {
    code: 'queue_timeout',
    title: 'all places for writes are taken by slow ones',
    provoke: async (world) => {
      const release = await world.occupyAll();
      try {
        return await world.failing((client) =>
          client.query(`INSERT INTO salesforce.contacts (email) VALUES ('q@x.io')`),
        );
      } finally {
        await release();
      }
    },
    shows: {
      sqlstate: '53400',
      message: 'too many writes to salesforce are in flight',
      detail: 'Nothing was sent. The statement waited 8 s for its turn.',
    },
  },
  {
    code: 'write_timed_out',
    title: 'statement_timeout while the statement waits for its turn',
    provoke: async (world) => {
      const release = await world.occupyAll();
      try {
        return await world.failing(async (client) => {
          // Half of the time that a turn is waited for, and enough for what comes before.
          await client.query(`SET statement_timeout = '4s'`);
          await client.query(`INSERT INTO salesforce.contacts (email) VALUES ('t@x.io')`);
        });
      } finally {
        await release();
      }
    },
    shows: { sqlstate: '57014', message: 'canceling statement due to statement timeout', detail: nothingSent },
  },
  {
    code: 'write_cancelled',
    title: 'a CancelRequest before anything is sent',
    provoke: async (world) =>
      world.failing(async (client) => {
        world.strikes.set('evaluated', () => world.cancel(client));
        await client.query(`INSERT INTO salesforce.contacts (email) VALUES ('c@x.io')`);
      }),
    shows: { sqlstate: '57014', message: 'canceling statement due to user request', detail: nothingSent },
  },
  {
    code: 'not_fresh',
    title: 'a reader who asks for fresh data of a table that is never synced',
    provoke: (world) => world.failing((client) => freshRead(client)),
    shows: {
      sqlstate: '55000',
      message: 'table "contacts" could not be brought up to date with salesforce within 10 s',
      detail: 'It was never up to date. Its sync is backfilling.',
      hint: "Try again, or read what is here: SET upwrite.max_staleness = 'off'",
      ...contacts,
    },
  },
  {
    code: 'freshness_timed_out',
    title: 'statement_timeout while a reader waits for fresh data',
    provoke: (world) => world.failing((client) => freshRead(client, "SET statement_timeout = '4s'")),
    shows: {
      sqlstate: '57014',
      message: 'canceling statement due to statement timeout',
      detail: 'It waited for fresh data, as upwrite.max_staleness asks.',
    },
  },
  {
    code: 'freshness_cancelled',
    title: 'a CancelRequest while a reader waits for fresh data',
    provoke: (world) =>
      world.failing(async (client) => {
        const { promise: cancelled, resolve } = deferred<void>();
        world.readerWaits = () => world.cancel(client).then(resolve);
        try {
          await freshRead(client);
        } finally {
          // The database has its part of the cancel by then: it does not meet the next statement.
          await cancelled;
        }
      }),
    shows: {
      sqlstate: '57014',
      message: 'canceling statement due to user request',
      detail: 'It waited for fresh data, as upwrite.max_staleness asks.',
    },
  },
  {
    code: 'bad_staleness',
    title: 'upwrite.max_staleness that is no time',
    provoke: (world) =>
      world.failing(async (client) => {
        await client.query("SET upwrite.max_staleness = 'soon'");
        await client.query('SELECT FROM salesforce.contacts');
      }),
    shows: {
      sqlstate: '22023',
      message: 'invalid value for parameter "upwrite.max_staleness": "soon"',
      hint: 'Use a time such as 500ms, 30s, 5min, or off.',
    },
  },
  {
    code: 'commit_failed',
    title: "Upwrite's connections to the database are ended between the API's answer and the commit",
    provoke: (world) =>
      world.failing(async (client) => {
        world.strikes.set('applying', () => world.endOwnConnections());
        await client.query(`INSERT INTO salesforce.contacts (email) VALUES ('f@x.io')`);
      }),
    shows: {
      sqlstate: '40003',
      message: 'salesforce accepted the write, but it is not in the database yet',
      detail: 'Reading the rows back is not safe until Upwrite has caught up with salesforce.',
      hint: /^Do not send it again\. See when it is done: SELECT state FROM upwrite\.mutations WHERE id = \d+$/,
      ...contacts,
    },
  },
  {
    code: 'database_failed',
    title: 'the journal is not there',
    provoke: async (world) => {
      await world.admin('ALTER TABLE upwrite.mutations RENAME TO elsewhere');
      try {
        return await world.failing((client) =>
          client.query(`INSERT INTO salesforce.contacts (email) VALUES ('d@x.io')`),
        );
      } finally {
        await world.admin('ALTER TABLE upwrite.elsewhere RENAME TO mutations');
      }
    },
    shows: {
      sqlstate: '58000',
      message: 'Upwrite could not prepare the write in the database: relation "upwrite.mutations" does not exist',
      detail: nothingSent,
      ...contacts,
    },
  },
  {
    code: 'internal',
    title: 'something that nobody has thought of',
    provoke: (world) =>
      world.failing(async (client) => {
        world.strikes.set('evaluated', () => Promise.reject(new Error('a defect with a secret in its message')));
        await client.query(`INSERT INTO salesforce.contacts (email) VALUES ('i@x.io')`);
      }),
    shows: { sqlstate: 'XX000', message: 'internal error: a mutation failed unexpectedly' },
  },
  {
    code: 'direct_write',
    title: 'a change around Upwrite, at its COMMIT',
    provoke: (world) => refusal(world.admin(`INSERT INTO salesforce.contacts (email) VALUES ('x@x.io')`)),
    shows: {
      sqlstate: '25006',
      message: 'table "contacts" is synced with salesforce and can be changed only through Upwrite',
      detail: 'Nothing was changed.',
      hint: 'Connect to Upwrite and write a plain INSERT, UPDATE or DELETE of the table; not through a function, a view, a trigger or a cascading foreign key.',
      context: 'PL/pgSQL function upwrite.guard() line 3 at RAISE',
      ...contacts,
      routine: 'exec_stmt_raise',
    },
  },
];

/** With `transactions: reject`. */
export const transactions: readonly ErrorCase<StatementWorld>[] = [
  {
    code: 'in_transaction',
    title: 'a write in a transaction block',
    provoke: (world) =>
      world.failing(async (client) => {
        await client.query('BEGIN');
        await client.query(`INSERT INTO salesforce.contacts (email) VALUES ('r@x.io')`);
      }),
    shows: {
      sqlstate: '25001',
      message: 'INSERT on table "contacts" cannot run inside a transaction block',
      detail: 'A write to salesforce cannot be rolled back, and the configuration says transactions: reject.',
      hint: 'Run the statement outside of BEGIN … COMMIT.',
      ...contacts,
    },
  },
];
