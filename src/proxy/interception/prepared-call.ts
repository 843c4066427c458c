/**
 * EXECUTE of a mutation that was prepared in SQL. Its arguments are expressions that only the database can evaluate, with
 * the types that the prepared statement has: so what Upwrite wants to run instead is prepared with the same types and
 * called with the same arguments.
 */
import { quoteLiteral } from '../../sql/index.js';

/** The name of the statement that Upwrite prepares in SQL for it. */
export const calledName = 'upwrite_called';

/** What stands before the client's own arguments. */
export const executePrefix = `EXECUTE ${calledName}`;

export interface PreparedCall {
  /** The parameter types as the database names them. */
  readonly types: readonly string[];
  /** The argument list with its parentheses, as the client wrote it; empty where there is none. */
  readonly arguments: Buffer;
}

/** `PREPARE` of a text with the call's types and further ones. */
export function prepareText(call: PreparedCall, text: Buffer, furtherTypes: readonly string[] = []): Buffer {
  const types = [...call.types, ...furtherTypes];
  const list = types.length === 0 ? '' : ` (${types.join(', ')})`;
  return Buffer.concat([Buffer.from(`PREPARE ${calledName}${list} AS `), text]);
}

/** `EXECUTE` with the client's arguments and further literal ones. */
export function executeText(call: PreparedCall, further: readonly (string | null)[] = []): Buffer {
  const literals = further.map((value) => (value === null ? 'NULL' : quoteLiteral(value))).join(', ');
  if (literals === '') return Buffer.concat([Buffer.from(executePrefix), call.arguments]);
  if (call.types.length === 0) return Buffer.from(`${executePrefix} (${literals})`);
  const end = call.arguments.lastIndexOf(')');
  return Buffer.concat([Buffer.from(executePrefix), call.arguments.subarray(0, end), Buffer.from(`\n, ${literals})`)]);
}
