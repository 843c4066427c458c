/** The provider of the stand-in API of the sync's fault tests: pages that are few records long, and counted. */
import { z } from 'zod';
import { FaultError, fault } from '../../../../src/errors/index.js';
import {
  CallFailure,
  type Cursor,
  failureOfStatus,
  type Kit,
  type Page,
  type Provider,
  type Resource,
  type Session,
} from '../../../../src/provider/index.js';

const column = { nullable: true, insertable: true, updatable: true };
const items: Resource = {
  name: 'items',
  object: 'items',
  key: 'id',
  version: 'version',
  columns: [
    { ...column, name: 'id', field: 'id', type: 'text', nullable: false },
    { ...column, name: 'note', field: 'note', type: 'text' },
    { ...column, name: 'version', field: 'version', type: 'bigint' },
  ],
  writes: {},
  pull: { incremental: true, deletions: 'listed' },
};

const answerSchema = z.object({
  items: z.array(z.object({ id: z.string(), note: z.string(), version: z.number(), deleted: z.boolean() })),
  more: z.boolean(),
  latest: z.number(),
});
type Answer = z.infer<typeof answerSchema>;

/** In a full listing behind an id, begun when the API's latest version was `from`; or among the changes. */
const cursorSchema = z.union([
  z.object({ after: z.string(), from: z.number() }),
  z.object({ at: z.number(), id: z.string() }),
]);

const config = z.object({ url: z.string() });

function sessionOf({ url }: z.infer<typeof config>, kit: Kit): Session {
  async function ask(path: string, signal: AbortSignal): Promise<Answer> {
    const deadline = Date.now() + 3000;
    try {
      return await kit.call({ verb: 'read', deadline, signal }, async (attempt) => {
        const answer = await kit.http({ method: 'GET', url: `${url}${path}`, ...attempt });
        if (answer.status !== 200) throw failureOfStatus(answer.status);
        return answerSchema.parse(JSON.parse(answer.body));
      });
    } catch (error) {
      if (!(error instanceof CallFailure)) throw error;
      throw new FaultError(fault('upstream_unavailable', { params: { provider: kit.provider } }));
    }
  }

  async function* pull(_resource: Resource, since: Cursor | null, signal: AbortSignal): AsyncGenerator<Page> {
    let cursor = since === null ? { after: '', from: -1 } : cursorSchema.parse(since);
    for (;;) {
      const query = 'after' in cursor ? `after=${cursor.after}` : `at=${cursor.at}&id=${cursor.id}`;
      const { items: found, more, latest } = await ask(`/items?${query}`, signal);
      const end = found.at(-1);
      if ('after' in cursor) {
        const from: number = cursor.from < 0 ? latest : cursor.from;
        cursor = more ? { after: end?.id ?? '', from } : { at: from, id: '' };
      } else if (end !== undefined) cursor = { at: end.version, id: end.id };
      yield {
        records: found
          .filter((item) => !item.deleted)
          .map(({ id, note, version }) => ({ key: id, values: { id, note, version: String(version) } })),
        deletions: found.filter((item) => item.deleted).map(({ id }) => id),
        next: cursor,
        last: !more,
      };
      if (!more) return;
    }
  }

  return {
    describe: async () => [items],
    plan: () => ({ method: 'GET', path: '/items', calls: 1 }),
    write: async () => ({ outcomes: [], requests: [] }),
    pull,
    read: async (_resource, keys, signal) => {
      const { items: found } = await ask(`/items?ids=${keys.join(',')}`, signal);
      return keys.map((key) => {
        const item = found.find((each) => each.id === key && !each.deleted);
        return item === undefined ? null : { key, values: { id: key, note: item.note, version: String(item.version) } };
      });
    },
    findInserted: async (batch) => batch.rows.map(() => null),
    check: async () => 'anybody',
  };
}

export const provider: Provider<z.infer<typeof config>> = {
  name: 'paged',
  pace: { requests: 1000, perMillis: 1000, share: 1, look: 1, leastMillis: 1000 },
  parseConfig: (input) => config.parse(input),
  open: sessionOf,
};
