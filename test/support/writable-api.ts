/** A scripted API that takes writes: records in memory, refusals and faults on demand, every batch kept. */
import { fault } from '../../src/errors/index.js';
import type { Batch, Outcome, Rec, Resource, Session, WriteResult } from '../../src/provider/index.js';
import { type FakeApi, fakeApi } from './fake-api.js';

export type Answer = (batch: Batch, signal: AbortSignal) => Promise<WriteResult> | WriteResult;

export interface WritableApi extends FakeApi {
  /** Every batch that was sent, in order. */
  readonly batches: Batch[];
  /** Replaces the next answers, one each; afterwards the API accepts again. */
  readonly answers: Answer[];
  /** Applies a batch as the API would, and answers so. */
  accept(batch: Batch): WriteResult;
}

/** Refuses all rows of a batch because of one, as an API with all-or-none does. */
export function refusing(row: number, column: string, detail: string): Answer {
  return (batch) => ({
    requests: [{ method: 'POST', path: '/batch', status: 200 }],
    outcomes: batch.rows.map(
      (_, i): Outcome => ({
        kind: 'rejected',
        fault: fault('validation', {
          params: { provider: 'salesforce' },
          detail,
          column,
          context: 'salesforce answered BAD',
        }),
        ...(i === row ? {} : { sibling: true }),
      }),
    ),
  });
}

export function writableApi(resources: readonly Resource[]): WritableApi {
  const fake = fakeApi(resources);
  const batches: Batch[] = [];
  const answers: Answer[] = [];
  let serial = 0;

  /** The record that has a row's conflict values. */
  const keyOf = (batch: Batch, row: Batch['rows'][number]): string | undefined =>
    [...fake.live(batch.resource.object)].find(([, values]) =>
      (batch.conflict ?? []).every((name) => values[name] === row.values[name]),
    )?.[0];

  const accept = (batch: Batch): WriteResult => {
    const { object } = batch.resource;
    const outcomes = batch.rows.map((row): Outcome => {
      serial += 1;
      const found = batch.verb === 'upsert' ? keyOf(batch, row) : undefined;
      const key = row.key ?? found ?? `003${String(serial).padStart(15, '0')}`;
      if (batch.verb === 'delete') fake.remove(object, key, Date.now());
      else fake.put(object, key, { ...fake.live(object).get(key), ...row.values }, Date.now());
      const record: Rec = { key, values: batch.verb === 'delete' ? {} : row.values };
      return { kind: 'applied', record, ...(batch.verb === 'upsert' ? { created: found === undefined } : {}) };
    });
    return { outcomes, requests: [{ method: 'POST', path: '/batch', status: 200 }] };
  };

  const session: Session = {
    ...fake.session,
    findUpserted: async (batch, signal) => {
      const keys = batch.rows.map((row) => keyOf(batch, row));
      const records = await fake.session.read(
        batch.resource,
        keys.map((key) => key ?? ''),
        signal,
      );
      return records;
    },
    holds: (_, record, values) =>
      Object.entries(values).every(
        ([name, value]) => JSON.stringify(record.values[name] ?? null) === JSON.stringify(value),
      ),
    write: async (batch, signal) => {
      batches.push(batch);
      const answer = answers.shift() ?? accept;
      return answer(batch, signal);
    },
  };
  return Object.assign(fake, { session, batches, answers, accept });
}
