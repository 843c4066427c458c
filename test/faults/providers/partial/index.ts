/** The provider of the stand-in API that applies some rows of a batch and refuses others. */
import { z } from 'zod';
import { type Fault, FaultError, fault } from '../../../../src/errors/index.js';
import {
  type Batch,
  CallFailure,
  type Column,
  type Cursor,
  failureOfStatus,
  type HttpAnswer,
  type Kit,
  type Outcome,
  type Page,
  type Provider,
  type Rec,
  type RequestNote,
  type Resource,
  type Session,
  type WriteResult,
} from '../../../../src/provider/index.js';

const pageSize = 100;
const column = { nullable: true, insertable: true, updatable: true };
const computed = { nullable: false, insertable: false, updatable: false };
const columns: readonly Column[] = [
  { ...computed, name: 'id', field: 'id', type: 'text' },
  { ...column, name: 'name', field: 'name', type: 'text' },
  { ...column, name: 'note', field: 'note', type: 'text' },
  { ...column, name: 'n', field: 'n', type: 'integer' },
  { ...computed, name: 'version', field: 'version', type: 'bigint' },
];
const limit = { max: 10, ceiling: 10, atomic: false };
const items: Resource = {
  name: 'items',
  object: 'items',
  key: 'id',
  version: 'version',
  columns,
  writes: { insert: limit, update: limit, delete: limit },
  pull: { incremental: true, deletions: 'listed' },
};

const item = z.object({
  id: z.string(),
  name: z.string().nullable(),
  note: z.string().nullable(),
  n: z.number().nullable(),
  version: z.number(),
  deleted: z.boolean(),
});
const records = z.object({ records: z.array(item.nullable()) });
const results = z.object({
  results: z.array(
    z.union([z.object({ record: item }), z.object({ refused: z.string() }), z.object({ gone: z.boolean() })]),
  ),
});
const config = z.object({ url: z.string() });
type Config = z.infer<typeof config>;

function toRec({ id, name, note, n, version }: z.infer<typeof item>): Rec {
  return { key: id, values: { id, name, note, n, version: String(version) } };
}

class PartialSession implements Session {
  readonly #url: string;
  readonly #kit: Kit;

  constructor({ url }: Config, kit: Kit) {
    this.#url = url;
    this.#kit = kit;
  }

  describe(): Promise<readonly Resource[]> {
    return Promise.resolve([items]);
  }

  plan(verb: Batch['verb']) {
    return { method: 'POST', path: `/items/${verb}`, calls: 1 };
  }

  async write(batch: Batch, signal: AbortSignal): Promise<WriteResult> {
    const requests: RequestNote[] = [];
    const path = `/items/${batch.verb}`;
    const body = { rows: batch.rows.map(({ key, values, idempotencyKey: token }) => ({ key, values, token })) };
    const answer = await this.#kit.call({ verb: 'write', deadline: batch.deadline, signal }, (attempt) =>
      this.#ask('POST', path, body, attempt.deadline, attempt.signal),
    );
    requests.push({ method: 'POST', path, status: answer.status });
    const given = results.parse(JSON.parse(answer.body));
    return { requests, outcomes: given.results.map((result) => this.#outcome(result, batch)) };
  }

  #outcome(result: z.infer<typeof results>['results'][number], batch: Batch): Outcome {
    if ('record' in result) return { kind: 'applied', record: toRec(result.record) };
    const params = { provider: this.#kit.provider, table: batch.resource.name };
    const refused: Fault =
      'gone' in result ? fault('record_gone', { params }) : fault('validation', { params, detail: result.refused });
    return { kind: 'rejected', fault: refused };
  }

  async #ask(method: string, path: string, body: unknown, deadline: number, signal: AbortSignal): Promise<HttpAnswer> {
    const answer = await this.#kit.http({
      method,
      url: `${this.#url}${path}`,
      deadline,
      signal,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    if (answer.status !== 200) throw failureOfStatus(answer.status);
    return answer;
  }

  async #read(method: string, path: string, body: unknown, signal: AbortSignal): Promise<readonly (Item | null)[]> {
    const deadline = Date.now() + 5000;
    try {
      const answer = await this.#kit.call({ verb: 'read', deadline, signal }, (attempt) =>
        this.#ask(method, path, body, attempt.deadline, attempt.signal),
      );
      return records.parse(JSON.parse(answer.body)).records;
    } catch (error) {
      if (!(error instanceof CallFailure)) throw error;
      throw new FaultError(fault('upstream_unavailable', { params: { provider: this.#kit.provider } }));
    }
  }

  async *pull(_resource: Resource, since: Cursor | null, signal: AbortSignal): AsyncGenerator<Page> {
    let after = typeof since === 'number' ? since : 0;
    for (;;) {
      const path = `/items?after=${after}&limit=${pageSize}`;
      const found = (await this.#read('GET', path, undefined, signal)).filter((each) => each !== null);
      after = found.at(-1)?.version ?? after;
      const last = found.length < pageSize;
      yield {
        records: found.filter((each) => !each.deleted).map(toRec),
        deletions: found.filter((each) => each.deleted).map((each) => each.id),
        next: after,
        last,
      };
      if (last) return;
    }
  }

  async read(_resource: Resource, keys: readonly string[], signal: AbortSignal): Promise<readonly (Rec | null)[]> {
    const found = await this.#read('POST', '/read', { keys }, signal);
    return found.map((each) => (each === null ? null : toRec(each)));
  }

  async findInserted(batch: Batch, _sentAt: number, signal: AbortSignal): Promise<readonly (Rec | null)[]> {
    const tokens = batch.rows.map((row) => row.idempotencyKey);
    const found = await this.#read('POST', '/made', { tokens }, signal);
    return found.map((each) => (each === null ? null : toRec(each)));
  }

  check(): Promise<string> {
    return Promise.resolve('anybody');
  }
}

type Item = z.infer<typeof item>;

export const provider: Provider<Config> = {
  pace: { requests: 1000, perMillis: 1000, share: 1, look: 1, leastMillis: 1000 },
  name: 'partial',
  parseConfig: (input) => config.parse(input),
  open: (given, kit) => new PartialSession(given, kit),
};
