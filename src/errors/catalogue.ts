/**
 * Every error that Upwrite itself can give a client, as data. The README's table is generated from this file.
 * SQLSTATEs are PostgreSQL's own where one fits (manual, appendix A); class UW is Upwrite's.
 * Class 08 is used only while a session is being set up or torn down: pools take it for a lost connection.
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
    detail: '{provider} computes it or does not let it change.',
  },
  record_gone: {
    sqlstate: '40001',
    retry: 'later',
    when: 'The record no longer exists upstream; the local row is refreshed',
    message: '{provider} no longer has a record that this statement changes',
  },
  // The statement cannot be sent.
  too_many_rows: {
    sqlstate: '54000',
    retry: 'never',
    when: 'The statement has more rows than one API request takes; nothing was sent',
    message: '{verb} on table "{table}" has {count} rows, more than the {limit} that one {provider} request takes',
    detail: 'Nothing was sent.',
    hint: 'Split the statement into batches of at most {limit} rows.',
  },
  unsupported: {
    sqlstate: '0A000',
    retry: 'never',
    when: 'The statement cannot be one API request',
    message: '{what} is not supported on table "{table}", which is synced with {provider}',
  },
  verb_not_offered: {
    sqlstate: '0A000',
    retry: 'never',
    when: 'The API has no such operation on this table',
    message: '{provider} does not offer {verb} on table "{table}"',
  },
  in_transaction: {
    sqlstate: '25001',
    retry: 'never',
    when: 'The configuration rejects writes to synced tables inside a transaction block',
    message: '{verb} on table "{table}" cannot run inside a transaction block',
    detail: 'A write to {provider} cannot be rolled back, and the configuration says transactions: reject.',
  },
  // The API could not be asked, or did not answer.
  rate_limited: {
    sqlstate: '53400',
    retry: 'later',
    when: "The API's rate limit is used up for longer than the statement may wait; nothing was sent",
    message: '{provider} rate limit reached, retry in {seconds} s',
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
    hint: 'Run "upwrite check" and renew the credentials in the configuration.',
  },
  outcome_unknown: {
    sqlstate: '40003',
    retry: 'settle',
    when: 'The request was sent and no answer came; the journal settles it',
    message: '{provider} did not say whether the write was applied',
    detail: 'The row may not be in the database yet. Journal entry {mutation} settles it with {provider}.',
  },
  commit_failed: {
    sqlstate: '40003',
    retry: 'settle',
    when: 'The API accepted the write and the local commit failed; the journal settles it',
    message: '{provider} accepted the write, but it is not in the database yet',
    detail: 'Reading it back is not safe until journal entry {mutation} is settled.',
  },
  returning_failed: {
    sqlstate: '40003',
    retry: 'never',
    when: 'The write was applied, and the RETURNING list failed afterwards',
    message: '{provider} applied the write, but its RETURNING list could not be evaluated',
    detail: 'The rows are in the database. Journal entry {mutation} lists them.',
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
    when: 'A row of the statement is locked by another session, or by this one; nothing was sent',
    message: 'could not lock the rows of table "{table}" within {seconds} s',
    detail: 'Nothing was sent to {provider}.',
  },
  queue_timeout: {
    sqlstate: '53400',
    retry: 'later',
    when: 'Too many writes are in flight and none ended in time; nothing was sent',
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
    detail: 'Upwrite accepts {limit} connections.',
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
    when: 'The client insists on SCRAM channel binding, which ends where TLS ends',
    message: 'SCRAM channel binding is not possible through Upwrite',
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
    when: 'A change of a synced table was committed around Upwrite; raised by the guard in the database',
    message: 'table "{table}" is synced with {provider} and can be changed only through Upwrite',
    detail: 'Nothing was changed.',
    hint: "Connect to Upwrite's address and run a plain INSERT, UPDATE or DELETE there.",
  },
} as const satisfies Record<string, CatalogueEntry>;

export type FaultCode = keyof typeof entries;

export const catalogue: Readonly<Record<FaultCode, CatalogueEntry>> = entries;
