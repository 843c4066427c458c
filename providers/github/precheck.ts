/** What is known to be refused, or would not do what the statement says, before anything is asked of GitHub. */
import { type Fault, type FaultCode, fault } from '../../src/errors/index.js';
import type { Batch, BatchRow, Column } from '../../src/provider/index.js';
import type { GitHubClient } from './client.js';
import { shown } from './errors.js';
import { assigned, columnOf } from './mapping.js';
import { isInScope } from './scope.js';

/** Values that GitHub cannot be asked to clear. Texts are sent as '', which clears them or is refused in its own words. */
const unclearable = new Set(['boolean', 'integer']);
const clearable = new Set(['milestone']);
const enumerations = new Set(['state', 'visibility']);

interface Check {
  readonly client: GitHubClient;
  readonly batch: Batch;
  readonly row: BatchRow;
}

function refuse({ client, batch }: Check, code: FaultCode, column: Column | undefined, detail: string): Fault {
  return fault(code, {
    params: { provider: client.kit.provider, table: batch.resource.name, verb: batch.verb.toUpperCase() },
    detail: client.kit.describe(detail),
    ...(column === undefined ? {} : { column: column.name }),
  });
}

function nullFault(check: Check): Fault | undefined {
  const { batch, row } = check;
  if (batch.verb !== 'update') return undefined;
  const column = batch.resource.columns.find(
    (candidate) =>
      row.values[candidate.name] === null &&
      !clearable.has(candidate.field) &&
      (unclearable.has(candidate.type) || enumerations.has(candidate.field)),
  );
  if (column === undefined) return undefined;
  return refuse(check, 'required_missing', column, `Column "${column.name}" is required and has no value.`);
}

/** GitHub takes a reason only with the closing, and would silently ignore it otherwise. */
function reasonFault(check: Check): Fault | undefined {
  const { batch, row } = check;
  if (batch.resource.object !== 'Issue' || batch.verb !== 'update') return undefined;
  const reason = assigned(batch.resource, row, 'stateReason');
  const state = assigned(batch.resource, row, 'state');
  if (reason === undefined || state === 'closed') return undefined;
  if (state === 'open' && (reason === null || reason === 'reopened')) return undefined;
  const column = columnOf(batch.resource, 'stateReason');
  const detail = `Key (${column?.name})=(${shown(reason)}) is taken by github only together with state = 'closed'.`;
  return refuse(check, 'validation', column, detail);
}

/** Likewise the reason of a lock. */
function lockFault(check: Check): Fault | undefined {
  const { batch, row } = check;
  const reason = assigned(batch.resource, row, 'activeLockReason');
  if (reason === undefined || batch.verb !== 'update') return undefined;
  const locked = assigned(batch.resource, row, 'locked');
  if (locked === true || (locked === false && reason === null)) return undefined;
  const column = columnOf(batch.resource, 'activeLockReason');
  const detail = `Key (${column?.name})=(${shown(reason)}) is taken by github only together with locked = true.`;
  return refuse(check, 'validation', column, detail);
}

/** A record made outside of what is synced would vanish from the table at the next listing. */
function scopeFault(check: Check): Fault | undefined {
  const { client, batch, row } = check;
  if (batch.verb !== 'insert') return undefined;
  const isRepository = batch.resource.object === 'Repository';
  const column = columnOf(batch.resource, isRepository ? 'owner' : 'repository');
  const value = column === undefined ? undefined : row.values[column.name];
  if (typeof value !== 'string' || value === '') {
    const detail = `Column "${column?.name ?? 'repository'}" is required and has no value.`;
    return refuse(check, 'required_missing', column, detail);
  }
  const isSynced = isRepository
    ? client.config.owners.some((owner) => owner.toLowerCase() === value.toLowerCase())
    : isInScope(client.config, value);
  if (isSynced) return undefined;
  const what = isRepository ? 'owners' : 'repositories';
  const detail = `Key (${column?.name})=(${shown(value)}) is not among the ${what} that this connection syncs.`;
  return refuse(check, 'bad_reference', column, detail);
}

/** The rows that are refused before anything is sent, with the reason. */
export function checkRows(client: GitHubClient, batch: Batch): ReadonlyMap<number, Fault> {
  const faults = new Map<number, Fault>();
  for (const [index, row] of batch.rows.entries()) {
    const check = { client, batch, row };
    const found = nullFault(check) ?? reasonFault(check) ?? lockFault(check) ?? scopeFault(check);
    if (found !== undefined) faults.set(index, found);
  }
  return faults;
}
