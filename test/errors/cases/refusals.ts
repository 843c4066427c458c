/** What Salesforce refuses or fails to answer, in a client's terms. */
import type pg from 'pg';
import { salesforceFaults } from '../../../fixtures/salesforce/index.js';
import { connect } from '../../support/database.js';
import type { SalesforceUpwrite } from '../../support/salesforce-upwrite.js';
import { type ErrorCase, refusal } from '../case.js';

const contacts = { schema: 'salesforce', table: 'contacts' };
const collections = '/services/data/*/composite/sobjects';

/** A case whose statement is refused as it stands. */
async function refused(upwrite: SalesforceUpwrite, sql: string): Promise<pg.DatabaseError> {
  const client = await connect(upwrite.url());
  try {
    return await refusal(client.query(sql));
  } finally {
    await client.end();
  }
}

async function newContact(upwrite: SalesforceUpwrite, lastName: string): Promise<string> {
  const client = await connect(upwrite.url());
  const { rows } = await client.query<{ id: string }>(
    'INSERT INTO salesforce.contacts (last_name) VALUES ($1) RETURNING id',
    [lastName],
  );
  await client.end();
  return rows[0]?.id ?? '';
}

export const refusals: readonly ErrorCase<SalesforceUpwrite>[] = [
  {
    code: 'validation',
    title: "an e-mail address that is none, in the source document's own words",
    provoke: (upwrite) =>
      refused(upwrite, `INSERT INTO salesforce.contacts (last_name, email) VALUES ('Atreides', 'pauldune.co')`),
    shows: {
      sqlstate: '23514',
      message: 'salesforce validation error',
      detail: 'Key (email)=(pauldune.co) is not a valid email address.',
      context: 'salesforce answered INVALID_EMAIL_ADDRESS: Email: invalid email address: pauldune.co',
      ...contacts,
      column: 'email',
    },
  },
  {
    code: 'validation',
    title: "an administrator's rule, on the second of three rows",
    provoke: (upwrite) =>
      refused(
        upwrite,
        `INSERT INTO salesforce.contacts (last_name, discount) VALUES ('One', 1), ('Two', 51), ('Three', 3)`,
      ),
    shows: {
      sqlstate: '23514',
      message: 'salesforce validation error',
      detail: 'A discount of more than 50 % needs the approval of a manager.',
      context:
        'salesforce answered FIELD_CUSTOM_VALIDATION_EXCEPTION: A discount of more than 50 % needs the approval of a manager\nrow 2 of 3',
      ...contacts,
      column: 'discount',
    },
  },
  {
    code: 'required_missing',
    title: 'a contact without a last name',
    provoke: (upwrite) => refused(upwrite, `INSERT INTO salesforce.contacts (first_name) VALUES ('Paul')`),
    shows: {
      sqlstate: '23502',
      message: 'salesforce validation error',
      detail: 'Column "last_name" is required and has no value.',
      context: 'salesforce answered REQUIRED_FIELD_MISSING: Required fields are missing: [LastName]',
      ...contacts,
      column: 'last_name',
    },
  },
  {
    code: 'duplicate',
    title: 'an external id that another record has',
    provoke: async (upwrite) => {
      upwrite.sandbox.upsert('Contact', { Id: await newContact(upwrite, 'First'), External_Id__c: 'E-1' });
      return refused(upwrite, `INSERT INTO salesforce.contacts (last_name, external_id) VALUES ('Second', 'E-1')`);
    },
    shows: {
      sqlstate: '23505',
      message: 'salesforce validation error',
      detail: 'Key (external_id)=(E-1) already exists.',
      context:
        /^salesforce answered DUPLICATE_VALUE: duplicate value found: External_Id__c duplicates value on record with id: 003\w{15}$/,
      ...contacts,
      column: 'external_id',
    },
  },
  {
    code: 'bad_reference',
    title: 'an account that is in the recycle bin',
    provoke: async (upwrite) => {
      const account = upwrite.sandbox.upsert('Account', { Name: 'Gone' });
      upwrite.sandbox.delete('Account', account);
      const error = await refused(
        upwrite,
        `INSERT INTO salesforce.contacts (last_name, account_id) VALUES ('Harkonnen', '${account}')`,
      );
      error.detail = error.detail?.replace(account, '<account>');
      return error;
    },
    shows: {
      sqlstate: '23503',
      message: 'salesforce validation error',
      detail: 'Key (account_id)=(<account>) is not present in Account.',
      context: 'salesforce answered ENTITY_IS_DELETED: entity is deleted',
      ...contacts,
      column: 'account_id',
    },
  },
  {
    code: 'too_long',
    title: 'a first name of 41 characters',
    provoke: (upwrite) =>
      refused(upwrite, `INSERT INTO salesforce.contacts (last_name, first_name) VALUES ('A', '${'x'.repeat(41)}')`),
    shows: {
      sqlstate: '22001',
      message: 'salesforce validation error',
      detail: `Key (first_name)=(${'x'.repeat(41)}) is longer than 40 characters.`,
      context: `salesforce answered STRING_TOO_LONG: First Name: data value too large: ${'x'.repeat(41)} (max length=40)`,
      ...contacts,
      column: 'first_name',
    },
  },
  {
    code: 'malformed',
    title: 'a reference that is no record id',
    provoke: (upwrite) =>
      refused(upwrite, `INSERT INTO salesforce.contacts (last_name, account_id) VALUES ('A', 'arrakis')`),
    shows: {
      sqlstate: '22P02',
      message: 'salesforce validation error',
      detail: 'Key (account_id)=(arrakis) is not a well-formed record id.',
      context: 'salesforce answered MALFORMED_ID: Account ID: id value of incorrect type: arrakis',
      ...contacts,
      column: 'account_id',
    },
  },
  {
    code: 'upstream_permission',
    title: "what the API's user may not do",
    provoke: async (upwrite) => {
      const id = await newContact(upwrite, 'Guarded');
      upwrite.sandbox.deny('Contact', 'delete');
      try {
        return await refused(upwrite, `DELETE FROM salesforce.contacts WHERE id = '${id}'`);
      } finally {
        upwrite.sandbox.policy.denied.clear();
      }
    },
    shows: {
      sqlstate: '42501',
      message: 'salesforce denied permission for DELETE on table "contacts"',
      detail: 'insufficient access rights on object id.',
      context: 'salesforce answered INSUFFICIENT_ACCESS_OR_READONLY: insufficient access rights on object id',
      ...contacts,
    },
  },
  {
    code: 'record_gone',
    title: 'a record that a colleague has deleted meanwhile',
    provoke: async (upwrite) => {
      const id = await newContact(upwrite, 'Leto');
      upwrite.sandbox.delete('Contact', id);
      const error = await refused(upwrite, `UPDATE salesforce.contacts SET title = 'Duke' WHERE id = '${id}'`);
      error.detail = error.detail?.replace(id, '<id>');
      return error;
    },
    shows: {
      sqlstate: '40001',
      message: 'salesforce no longer has a record that this statement changes',
      detail: 'Key (id)=(<id>) is not present in salesforce.',
      hint: 'The table is being brought up to date: run the statement again.',
      context: 'salesforce answered ENTITY_IS_DELETED: entity is deleted',
      ...contacts,
    },
  },
  {
    code: 'upstream_unavailable',
    title: 'a server that is away until the time of the write is up',
    provoke: async (upwrite) => {
      const fault = upwrite.sandbox.faults.add({
        method: 'POST',
        path: collections,
        times: 'always',
        // One more try fits into the time of the write, and no third one, however slow the machine is.
        action: { ...salesforceFaults.serverUnavailable, headers: { 'retry-after': '12' } },
      });
      try {
        return await refused(upwrite, `INSERT INTO salesforce.contacts (last_name) VALUES ('Nobody')`);
      } finally {
        fault.remove();
      }
    },
    shows: {
      sqlstate: '58030',
      message: 'salesforce is unavailable',
      detail: 'Nothing was applied.',
      context:
        'salesforce answered SERVER_UNAVAILABLE: The server is temporarily unavailable. Please try again in a few minutes.',
      ...contacts,
    },
  },
  {
    code: 'credentials_refused',
    title: 'an access token that is refused, and a new one as well',
    provoke: async (upwrite) => {
      const fault = upwrite.sandbox.faults.add({
        method: 'POST',
        path: collections,
        times: 'always',
        action: salesforceFaults.sessionExpired,
      });
      try {
        return await refused(upwrite, `INSERT INTO salesforce.contacts (last_name) VALUES ('Nobody')`);
      } finally {
        fault.remove();
      }
    },
    shows: {
      sqlstate: '58000',
      message: 'salesforce refused the credentials of connection "salesforce"',
      detail: 'Nothing was applied.',
      hint: 'Run "upwrite check" and renew the credentials in the configuration.',
      context: 'salesforce answered INVALID_SESSION_ID: Session expired or invalid',
      ...contacts,
    },
  },
  {
    code: 'outcome_unknown',
    title: 'a connection that is lost after the request was applied',
    provoke: (upwrite) => {
      upwrite.sandbox.faults.add({ method: 'POST', path: collections, action: { kind: 'cut', phase: 'after' } });
      return refused(upwrite, `INSERT INTO salesforce.contacts (last_name) VALUES ('Perhaps')`);
    },
    shows: {
      sqlstate: '40003',
      message: 'salesforce did not say whether the write was applied',
      detail: 'The rows may not be in the database yet. Upwrite is finding out from salesforce.',
      hint: /^Before you send it again, see what became of it: SELECT state FROM upwrite\.mutations WHERE id = \d+$/,
      context: 'the connection broke before the answer had come (ECONNRESET)',
      ...contacts,
    },
  },
  // The last: the API's rate limit, once met, holds for a minute.
  {
    code: 'rate_limited',
    title: "the day's calls are used up",
    provoke: (upwrite) => {
      upwrite.sandbox.faults.add({ method: 'POST', path: collections, action: salesforceFaults.dailyLimit });
      return refused(upwrite, `INSERT INTO salesforce.contacts (last_name) VALUES ('Nobody')`);
    },
    shows: {
      sqlstate: '53400',
      message: 'salesforce rate limit reached, retry in 60 s',
      detail: 'Nothing was applied.',
      context: 'salesforce answered REQUEST_LIMIT_EXCEEDED: TotalRequests Limit exceeded.',
      ...contacts,
    },
  },
];
