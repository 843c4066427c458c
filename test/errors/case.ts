/** A case of the error catalogue: how a client comes by the error, and everything that it then sees. */
import pg from 'pg';
import { expect } from 'vitest';
import type { FaultCode } from '../../src/errors/index.js';

/** An error as a client sees it. A regular expression stands in where a number cannot be known beforehand. */
export interface Shown {
  /** ERROR unless given. */
  readonly severity?: 'FATAL';
  readonly sqlstate: string;
  readonly message: string | RegExp;
  readonly detail?: string | RegExp;
  readonly hint?: string | RegExp;
  readonly context?: string | RegExp;
  readonly schema?: string;
  readonly table?: string;
  readonly column?: string;
  readonly constraint?: string;
  /** Where Upwrite itself does not make the message. */
  readonly routine?: string;
}

/** The fields of an ErrorResponse as a client library gives them. */
export interface SeenError {
  readonly severity?: string | undefined;
  readonly code?: string | undefined;
  readonly message?: string | undefined;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
  readonly where?: string | undefined;
  readonly schema?: string | undefined;
  readonly table?: string | undefined;
  readonly column?: string | undefined;
  readonly constraint?: string | undefined;
  readonly routine?: string | undefined;
}

export interface ErrorCase<World> {
  readonly code: FaultCode;
  readonly title: string;
  provoke(world: World): Promise<SeenError>;
  readonly shows: Shown;
}

/** The error that a piece of work ends with. Fails when there is none, or one that the database protocol did not bring. */
export async function refusal(work: Promise<unknown>): Promise<pg.DatabaseError> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof pg.DatabaseError)) throw new Error(`no error of the database but ${String(error)}`);
  return error;
}

/** Compares every field but the position and the source file, absent ones included. */
export function expectShown(error: SeenError, code: FaultCode, shows: Shown): void {
  const seen = {
    severity: error.severity,
    sqlstate: error.code,
    message: error.message,
    detail: error.detail,
    hint: error.hint,
    context: error.where,
    schema: error.schema,
    table: error.table,
    column: error.column,
    constraint: error.constraint,
    routine: error.routine,
  };
  const { message, detail, hint, context, ...exact } = shows;
  expect(seen).toEqual({
    severity: 'ERROR',
    routine: `upwrite.${code}`,
    ...exact,
    message: matching(message),
    detail: matching(detail),
    hint: matching(hint),
    context: matching(context),
  });
}

function matching(expected: string | RegExp | undefined): unknown {
  return expected instanceof RegExp ? expect.stringMatching(expected) : expected;
}
