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

/** The keys of the records that the tables have at first, by the values that upserts find them by. */
const seeded: readonly (readonly [string, string])[] = [
  ['["ann@x.io"]', 'm1'],
  ['[1]', 'm1'],
  ['["10.5"]', 'm1'],
  ['["bob@x.io"]', 'm2'],
  ['[2]', 'm2'],
  ['["mine"]', 's1'],
  ['["theirs"]', 's2'],
  ['["größer"]', 'k1'],
];

/** Numbers are equal whatever their scale. */
function withoutScale(value: JsonValue): JsonValue {
  return typeof value === 'string' && /^\d+\.\d+$/.test(value) ? value.replace(/\.?0+$/, '') : value;
}

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
  let held = new Map(seeded);
  /** As a sequence does: a key is drawn for a row that turns out to be an old one as well. */
  const outcome = (batch: Batch, row: Batch['rows'][number]): Outcome => {
    const fresh = row.key ?? generatedKey(++serial);
    const values = JSON.parse(JSON.stringify(row.values));
    if (batch.verb !== 'upsert') return { kind: 'applied', record: { key: fresh, values } };
    const value = JSON.stringify((batch.conflict ?? []).map((name) => withoutScale(row.values[name] ?? null)));
    const old = held.get(value);
    held.set(value, old ?? fresh);
    return { kind: 'applied', record: { key: old ?? fresh, values }, created: old === undefined };
  };
  const session: Session = {
    ...fakeApi(resources).session,
    write: async (batch) => {
      checkForms(batch);
      batches.push(batch);
      return {
        outcomes: batch.rows.map((row) => outcome(batch, row)),
        requests: [{ method: 'POST', path: '/batch', status: 200 }],
      };
    },
  };
  const reset = (): void => {
    serial = 0;
    held = new Map(seeded);
    batches.length = 0;
  };
  return { session, batches, reset };
}
