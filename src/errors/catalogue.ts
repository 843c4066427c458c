/**
 * Every error that Upwrite itself can give a client, as data. The README's table is generated from this file.
 * SQLSTATEs are PostgreSQL's own where one fits (manual, appendix A); class UW is Upwrite's.
 * Class 08 is used only while a session is being set up or torn down: pools take it for a lost connection.
 *
 * A client sees an entry's name too, as `upwrite.<name>` in the field that Postgres has for the routine that reported
 * an error, since several entries may share a SQLSTATE. The guard alone cannot: PL/pgSQL fills that field in itself.
 */

/** Whether sending the same statement again can help: never, after a while, or once the journal has settled it. */
export type Retry = 'never' | 'later' | 'settle';

export interface CatalogueEntry {
  readonly sqlstate: string;
  readonly retry: Retry;
  /** What happened, for the README's table. */
  readonly when: string;
  /** Message text with `{placeholders}`. */
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
}

const entries = {
  // The API refused a row.
  validation: {
    sqlstate: '23514',
    retry: 'never',
    when: "The API's validation refused a value",
    message: '{provider} validation error',
  },
  required_missing: {
    sqlstate: '23502',
    retry: 'never',
    when: 'A field that the API requires is missing',
    message: '{provider} validation error',
  },
  duplicate: {
    sqlstate: '23505',
    retry: 'never',
    when: 'The API found a duplicate of a unique value',
    message: '{provider} validation error',
  },
  bad_reference: {
    sqlstate: '23503',
    retry: 'never',
    when: 'A reference names a record that the API does not know, or the record is still referenced',
    message: '{provider} validation error',
  },
  too_long: {
    sqlstate: '22001',
    retry: 'never',
    when: 'A value is longer than the API takes',
    message: '{provider} validation error',
  },
  malformed: {
    sqlstate: '22P02',
    retry: 'never',
    when: 'A value has a form that the API does not take',
    message: '{provider} validation error',
  },
  upstream_permission: {
    sqlstate: '42501',
    retry: 'never',
    when: "The API's permissions do not allow the write",
    message: '{provider} denied permission for {verb} on table "{table}"',
  },
  read_only_column: {
    sqlstate: '428C9',
    retry: 'never',
    when: 'The statement sets a column that the API sets itself or does not let change',
    message: 'column "{column}" of table "{table}" cannot be set by {verb}',
    detail: '{provider} sets it itself or does not let it change. Nothing was sent.',
    hint: 'Leave the column out of the statement.',
  },
  inexact_number: {
    sqlstate: '22003',
    retry: 'never',
    when: 'A number within a JSON value is too precise to reach the API as it is',
    message: 'a number in column "{column}" of table "{table}" cannot reach {provider} exactly',
    detail: 'JSON goes to an API with numbers of double precision: {number} would become {rounded}. Nothing was sent.',
    hint: 'Round the number, or give it as a string.',
  },
  record_gone: {
    sqlstate: '40001',
    retry: 'later',
    when: 'The record no longer exists in the API; the row is being removed here too',
    message: '{provider} no longer has a record that this statement changes',
    hint: 'The table is being brought up to date: run the statement again.',
  },
  // The statement cannot be sent.
  too_many_rows: {
    sqlstate: '54000',
    retry: 'never',
    when: "The statement has more rows than one API request takes, or than the connection's `limits` allow",
    message: '{verb} on table "{table}" has {count} rows, more than the {limit} that one {provider} request takes',
    detail: 'Nothing was sent.',
    hint: 'Split the statement into batches of at most {limit} rows.',
  },
  unsupported: {
    sqlstate: '0A000',
    retry: 'never',
    when: 'The statement cannot be turned into one API request',
    message: '{what} is not supported on table "{table}", which is synced with {provider}',
    detail: 'Nothing was sent.',
  },
  verb_not_offered: {
    sqlstate: '0A000',
    retry: 'never',
    when: 'The API has no such operation on this table',
    message: '{provider} does not offer {verb} on table "{table}"',
    detail: 'Nothing was sent.',
  },
  in_transaction: {
    sqlstate: '25001',
    retry: 'never',
    when: 'A write to a synced table inside BEGIN … COMMIT, with `transactions: reject` in the configuration',
    message: '{verb} on table "{table}" cannot run inside a transaction block',
    detail: 'A write to {provider} cannot be rolled back, and the configuration says transactions: reject.',
    hint: 'Run the statement outside of BEGIN … COMMIT.',
  },
  not_configured: {
    sqlstate: '55000',
    retry: 'never',
    when: 'The table, or the connection that it belongs to, is not in the configuration any more',
    message: 'table "{table}" of connection "{connection}" is not in the configuration',
    detail: 'Nothing was sent.',
    hint: 'Put it back into the configuration, or remove the table with "upwrite drop", or keep it as an ordinary one with "upwrite release".',
  },
  // The API could not be asked, or did not answer.
  rate_limited: {
    sqlstate: '53400',
    retry: 'later',
    when: "The API's rate limit is used up for longer than the statement may wait; the message says how long",
    message: '{provider} rate limit reached, retry in {seconds} s',
    detail: 'Nothing was applied.',
  },
  upstream_unavailable: {
    sqlstate: '58030',
    retry: 'later',
    when: 'The API is down or cannot be reached; nothing was applied',
    message: '{provider} is unavailable',
    detail: 'Nothing was applied.',
  },
  credentials_refused: {
    sqlstate: '58000',
    retry: 'never',
    when: "The API refused Upwrite's own credentials",
    message: '{provider} refused the credentials of connection "{connection}"',
    detail: 'Nothing was applied.',
    hint: 'Run "upwrite check" and renew the credentials in the configuration.',
  },
  outcome_unknown: {
    sqlstate: '40003',
    retry: 'settle',
    when: 'The request was sent and no usable answer came; Upwrite finds out and brings the table in line',
    message: '{provider} did not say whether the write was applied',
    detail: 'The rows may not be in the database yet. Upwrite is finding out from {provider}.',
    hint: 'Before you send it again, see what became of it: SELECT state FROM upwrite.mutations WHERE id = {mutation}',
  },
  commit_failed: {
    sqlstate: '40003',
    retry: 'settle',
    when: 'The API accepted the write and the commit in the database failed; Upwrite catches up',
    message: '{provider} accepted the write, but it is not in the database yet',
    detail: 'Reading the rows back is not safe until Upwrite has caught up with {provider}.',
    hint: 'Do not send it again. See when it is done: SELECT state FROM upwrite.mutations WHERE id = {mutation}',
  },
  returning_failed: {
    sqlstate: '40003',
    retry: 'never',
    when: 'The write was applied, here as well, and only its RETURNING list failed afterwards',
    message: '{provider} applied the write, but its RETURNING list could not be evaluated',
    detail: 'The rows are in the database.',
    hint: 'Do not send it again: read the rows with a SELECT.',
  },
  partially_applied: {
    sqlstate: 'UW001',
    retry: 'never',
    when: 'The API applied some rows and refused others; the applied ones are in the database',
    message: '{provider} applied {applied} of {count} rows',
  },
  lock_timeout: {
    sqlstate: '55P03',
    retry: 'later',
    when: 'A row of the statement is locked: by another write, by another session, or by this very transaction',
    message: 'could not lock the rows of table "{table}" within {seconds} s',
    detail: 'Nothing was sent to {provider}.',
  },
  queue_timeout: {
    sqlstate: '53400',
    retry: 'later',
    when: 'More writes at once than `writes.maxInFlight`, and none ended within `writes.queueTimeout`',
    message: 'too many writes to {provider} are in flight',
    detail: 'Nothing was sent. The statement waited {seconds} s for its turn.',
  },
  write_cancelled: {
    sqlstate: '57014',
    retry: 'never',
    when: 'The client cancelled the statement before anything was sent',
    message: 'canceling statement due to user request',
    detail: 'Nothing was sent to {provider}.',
  },
  write_timed_out: {
    sqlstate: '57014',
    retry: 'later',
    when: 'statement_timeout ended the statement before anything was sent',
    message: 'canceling statement due to statement timeout',
    detail: 'Nothing was sent to {provider}.',
  },
  database_failed: {
    sqlstate: '58000',
    retry: 'later',
    when: "A statement on Upwrite's own connection to the database failed before anything was sent",
    message: 'Upwrite could not prepare the write in the database: {what}',
    detail: 'Nothing was sent to {provider}.',
  },
  // A reader's wish for fresh data.
  not_fresh: {
    sqlstate: '55000',
    retry: 'later',
    when: 'A session with `upwrite.max_staleness` reads a table that cannot be brought up to date in time',
    message: 'table "{table}" could not be brought up to date with {provider} within {seconds} s',
    detail: 'It was {age}. Its sync is {state}.',
    hint: "Try again, or read what is here: SET upwrite.max_staleness = 'off'",
  },
  freshness_cancelled: {
    sqlstate: '57014',
    retry: 'never',
    when: 'The client cancelled a statement that waited for fresh data',
    message: 'canceling statement due to user request',
    detail: 'It waited for fresh data, as upwrite.max_staleness asks.',
  },
  freshness_timed_out: {
    sqlstate: '57014',
    retry: 'later',
    when: 'statement_timeout ended a statement that waited for fresh data',
    message: 'canceling statement due to statement timeout',
    detail: 'It waited for fresh data, as upwrite.max_staleness asks.',
  },
  bad_staleness: {
    sqlstate: '22023',
    retry: 'never',
    when: '`upwrite.max_staleness` is set to something that is no time',
    message: 'invalid value for parameter "upwrite.max_staleness": "{value}"',
    hint: 'Use a time such as 500ms, 30s, 5min, or off.',
  },
  internal: {
    sqlstate: 'XX000',
    retry: 'never',
    when: 'A defect in Upwrite; the log has the details',
    message: 'internal error: {what}',
  },
  // The connection itself.
  protocol_violation: {
    sqlstate: '08P01',
    retry: 'never',
    when: 'The client sent bytes that the protocol does not allow',
    message: '{what}',
  },
  database_unreachable: {
    sqlstate: '08006',
    retry: 'later',
    when: 'The database behind Upwrite cannot be reached',
    message: 'Upwrite could not connect to the database: {what}',
  },
  too_many_connections: {
    sqlstate: '53300',
    retry: 'later',
    when: "Upwrite's maximum of client connections is reached",
    message: 'sorry, too many clients already',
    detail: 'Upwrite accepts at most {limit} connections.',
  },
  tls_required: {
    sqlstate: '28000',
    retry: 'never',
    when: 'The configuration requires TLS and the client did not ask for it',
    message: 'this server requires TLS',
    hint: 'Connect with sslmode=require.',
  },
  channel_binding: {
    sqlstate: '28000',
    retry: 'never',
    when: 'The client asks for SCRAM channel binding, and TLS is used to Upwrite and from there to the database',
    message: 'SCRAM channel binding is not possible through Upwrite',
    detail: 'TLS ends at Upwrite, and the database would take the login for intercepted.',
    hint: 'Add channel_binding=disable to the connection parameters.',
  },
  login_timeout: {
    sqlstate: '08P01',
    retry: 'later',
    when: 'The client did not finish the start-up in time',
    message: 'canceling authentication due to timeout',
  },
  shutting_down: {
    sqlstate: '57P01',
    retry: 'later',
    when: 'Upwrite is being shut down',
    message: 'terminating connection due to administrator command',
  },
  // Raised inside the database.
  direct_write: {
    sqlstate: '25006',
    retry: 'never',
    when: 'COMMIT of a change that did not come as a plain statement through Upwrite; raised in the database',
    message: 'table "{table}" is synced with {provider} and can be changed only through Upwrite',
    detail: 'Nothing was changed.',
    hint: 'Connect to Upwrite and write a plain INSERT, UPDATE or DELETE of the table; not through a function, a view, a trigger or a cascading foreign key.',
  },
} as const satisfies Record<string, CatalogueEntry>;

export type FaultCode = keyof typeof entries;

export const catalogue: Readonly<Record<FaultCode, CatalogueEntry>> = entries;
