/** An API in memory, as a provider's Session: records with versions, deletions, pages, and faults on demand. */
import type {
  Cursor,
  JsonValue,
  Page,
  Rec,
  RequestPlan,
  Resource,
  Session,
  Values,
  WriteResult,
} from '../../src/provider/index.js';

interface Stored {
  readonly values: Values;
  /** Epoch milliseconds; several records may have the same. */
  readonly modified: number;
  readonly deleted: boolean;
}

/** Called before a page or a read is answered; may throw, or wait. */
export type Hook = (what: 'page' | 'read', count: number, signal: AbortSignal) => Promise<void> | void;

export interface FakeApi {
  readonly session: Session;
  /** What it describes; can be replaced. */
  resources: readonly Resource[];
  hook: Hook;
  /** After a page was read and before it is handed over. */
  afterRead: (count: number) => Promise<void> | void;
  pages: number;
  reads: number;
  pageSize: number;
  put(object: string, key: string, values: Values, modified: number): void;
  remove(object: string, key: string, modified: number): void;
  /** Everything that is not deleted, as rows with the version as text, by key. */
  live(object: string): ReadonlyMap<string, Values>;
}

interface Position {
  readonly [name: string]: JsonValue;
  readonly full: boolean;
  readonly at: number;
  readonly key: string;
  /** Incremental: the end of the listing that is running, so that it ends. */
  readonly started: number;
}

function isPosition(cursor: Cursor): cursor is Position {
  return typeof cursor === 'object' && cursor !== null && 'full' in cursor && 'at' in cursor && 'key' in cursor;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

export function fakeApi(resources: readonly Resource[]): FakeApi {
  const objects = new Map<string, Map<string, Stored>>();
  const of = (object: string): Map<string, Stored> => {
    const found = objects.get(object) ?? new Map<string, Stored>();
    objects.set(object, found);
    return found;
  };

  const record = (resource: Resource, key: string, stored: Stored): Rec => {
    const version = resource.version === undefined ? {} : { [resource.version]: iso(stored.modified) };
    const values = { ...stored.values, ...version, [resource.key]: key };
    const names = new Set(resource.columns.map((column) => column.name));
    return { key, values: Object.fromEntries(Object.entries(values).filter(([name]) => names.has(name))) };
  };

  /** Changes after a position, in the order (time, key), or everything by key. */
  const listing = (
    resource: Resource,
    since: Position,
  ): { records: Rec[]; deletions: string[]; next: Position; last: boolean } => {
    const all = [...of(resource.object)];
    const rest = since.full
      ? all.filter(([key, stored]) => !stored.deleted && key > since.key).sort(([a], [b]) => (a < b ? -1 : 1))
      : all
          .filter(([key, stored]) => stored.modified > since.at || (stored.modified === since.at && key > since.key))
          .sort(([a, x], [b, y]) => x.modified - y.modified || (a < b ? -1 : 1));
    const page = rest.slice(0, api.pageSize);
    const last = rest.length <= api.pageSize;
    const end = page.at(-1);
    const reached = end === undefined ? since : { ...since, at: since.full ? since.at : end[1].modified, key: end[0] };
    const next = last && since.full ? { full: false, at: since.started, key: '', started: since.started } : reached;
    return {
      records: page.filter(([, stored]) => !stored.deleted).map(([key, stored]) => record(resource, key, stored)),
      deletions:
        resource.pull.deletions === 'listed' ? page.filter(([, stored]) => stored.deleted).map(([key]) => key) : [],
      next,
      last,
    };
  };

  async function* pull(resource: Resource, since: Cursor | null, signal: AbortSignal): AsyncGenerator<Page> {
    const newest = Math.max(0, ...[...of(resource.object).values()].map((stored) => stored.modified));
    let position: Position =
      since !== null && isPosition(since) ? since : { full: true, at: 0, key: '', started: newest };
    for (;;) {
      api.pages += 1;
      await api.hook('page', api.pages, signal);
      signal.throwIfAborted();
      const page = listing(resource, position);
      await api.afterRead(api.pages);
      yield { ...page, total: of(resource.object).size };
      if (page.last) return;
      position = page.next;
    }
  }

  const session: Session = {
    describe: async () => api.resources,
    plan: (verb, resource, rows): RequestPlan => ({
      method: 'POST',
      path: `/${resource.object}/${verb}/${rows}`,
      calls: 1,
    }),
    write: async (): Promise<WriteResult> => ({ outcomes: [], requests: [] }),
    pull,
    read: async (resource, keys, signal) => {
      api.reads += 1;
      await api.hook('read', api.reads, signal);
      const found = keys.map((key) => {
        const stored = of(resource.object).get(key);
        return stored === undefined || stored.deleted ? null : record(resource, key, stored);
      });
      await api.afterRead(api.pages);
      return found;
    },
    findInserted: async (batch) => batch.rows.map(() => null),
    check: async () => 'a fake',
  };

  const api: FakeApi = {
    session,
    resources,
    hook: () => {},
    afterRead: () => {},
    pages: 0,
    reads: 0,
    pageSize: 100,
    put: (object, key, values, modified) => {
      of(object).set(key, { values, modified, deleted: false });
    },
    remove: (object, key, modified) => {
      of(object).set(key, { values: {}, modified, deleted: true });
    },
    live: (object) =>
      new Map([...of(object)].filter(([, stored]) => !stored.deleted).map(([key, stored]) => [key, stored.values])),
  };
  return api;
}

const column = { nullable: true, insertable: true, updatable: true };

/** A resource with a column of every type. */
export function contacts(overrides: Partial<Resource> = {}): Resource {
  return {
    name: 'contacts',
    object: 'Contact',
    key: 'id',
    version: 'modified_at',
    columns: [
      { ...column, name: 'email', field: 'Email', type: 'text', comment: "The contact's address \\ e-mail" },
      { ...column, name: 'id', field: 'Id', type: 'text', nullable: false, insertable: false, updatable: false },
      { ...column, name: 'account_id', field: 'AccountId', type: 'text', references: ['Account'] },
      { ...column, name: 'vip', field: 'Vip', type: 'boolean' },
      { ...column, name: 'age', field: 'Age', type: 'integer' },
      { ...column, name: 'big', field: 'Big', type: 'bigint' },
      { ...column, name: 'score', field: 'Score', type: 'double precision' },
      { ...column, name: 'balance', field: 'Balance', type: 'numeric' },
      { ...column, name: 'born', field: 'Born', type: 'date' },
      { ...column, name: 'wakes', field: 'Wakes', type: 'time' },
      { ...column, name: 'modified_at', field: 'ModifiedAt', type: 'timestamptz', insertable: false, updatable: false },
      { ...column, name: 'photo', field: 'Photo', type: 'bytea' },
      { ...column, name: 'extra', field: 'Extra', type: 'jsonb' },
      { ...column, name: 'tags', field: 'Tags', type: 'text[]' },
    ],
    writes: {
      insert: { max: 200, ceiling: 200, atomic: true },
      update: { max: 100, ceiling: 200, atomic: true },
      delete: { max: 200, ceiling: 200, atomic: true },
    },
    pull: { incremental: true, deletions: 'listed' },
    comment: 'People',
    ...overrides,
  };
}
