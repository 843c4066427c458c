/** An API that accepts everything, hands out keys in order, and answers what it was given, in the contract's forms. */
import type { Batch, ColumnType, JsonValue, Outcome, Session } from '../../src/provider/index.js';
import { fakeApi } from '../support/fake-api.js';
import { generatedKey, resources } from './tables.js';

export interface AcceptingApi {
  readonly session: Session;
  /** Every batch since the last reset. */
  readonly batches: Batch[];
  /** Forgets the batches; keys begin with the first one again. */
  reset(): void;
}

/** The form in which a value of each type reaches a provider (see ColumnType). */
const forms: Readonly<Record<ColumnType, (value: JsonValue) => boolean>> = {
  text: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  integer: (value) => Number.isInteger(value),
  bigint: (value) => typeof value === 'string' && /^-?\d+$/.test(value),
  'double precision': (value) => typeof value === 'number' || /^(NaN|-?Infinity)$/.test(String(value)),
  numeric: (value) => typeof value === 'string' && /^(-?\d+(\.\d+)?|NaN|-?Infinity)$/.test(value),
  date: (value) => typeof value === 'string' && /^(\d{4,}-\d\d-\d\d( BC)?|-?infinity)$/.test(value),
  time: (value) => typeof value === 'string' && /^\d\d:\d\d:\d\d(\.\d+)?$/.test(value),
  timestamptz: (value) =>
    typeof value === 'string' &&
    /^(\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d(:\d\d)?)( BC)?|-?infinity)$/.test(value),
  bytea: (value) => typeof value === 'string' && /^[A-Za-z0-9+/\n]*={0,2}$/.test(value),
  jsonb: () => true,
  'text[]': (value) => Array.isArray(value) && value.every((item) => item === null || typeof item === 'string'),
};

function checkForms(batch: Batch): void {
  const types = new Map(batch.resource.columns.map((each) => [each.name, each.type]));
  for (const [name, value] of batch.rows.flatMap((row) => Object.entries(row.values))) {
    const type = types.get(name);
    if (type === undefined) throw new Error(`the API has no column ${name}`);
    if (value !== null && !forms[type](value)) throw new Error(`${name}: ${JSON.stringify(value)} is no ${type}`);
  }
}

export function acceptingApi(): AcceptingApi {
  const batches: Batch[] = [];
  let serial = 0;
  const outcome = (row: Batch['rows'][number]): Outcome => {
    const key = row.key ?? generatedKey(++serial);
    return { kind: 'applied', record: { key, values: JSON.parse(JSON.stringify(row.values)) } };
  };
  const session: Session = {
    ...fakeApi(resources).session,
    write: async (batch) => {
      checkForms(batch);
      batches.push(batch);
      return { outcomes: batch.rows.map(outcome), requests: [{ method: 'POST', path: '/batch', status: 200 }] };
    },
  };
  const reset = (): void => {
    serial = 0;
    batches.length = 0;
  };
  return { session, batches, reset };
}
