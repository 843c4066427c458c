/**
 * A stand-in for an API that takes batches row by row: it applies some rows and refuses others. It knows a client's token
 * of each record that it made. Its records outlive its process.
 */
import {
  isJsonObject,
  type Json,
  type JsonObject,
  type KitRequest,
  type KitResponse,
  parseJson,
  type SmallApi,
  startSmallApi,
  stateFile,
} from '../../fixtures/kit/index.js';

interface Item {
  readonly id: string;
  readonly token: string;
  readonly name: string | null;
  readonly note: string | null;
  readonly n: number | null;
  /** Grows with every change of any item. */
  readonly version: number;
  readonly deleted: boolean;
}

/** Values that begin so are refused. */
export const refusedName = 'bad';

class Items {
  readonly items = new Map<string, Item>();
  version = 0;
  /** Breaks down in the middle of each batch. */
  half = false;

  restore(state: Json): void {
    for (const item of state as unknown as readonly Item[]) {
      this.items.set(item.id, item);
      this.version = Math.max(this.version, item.version);
    }
  }

  live(id: string): Item | undefined {
    const item = this.items.get(id);
    return item?.deleted === true ? undefined : item;
  }

  change(verb: string, row: JsonObject): JsonObject {
    const values = isJsonObject(row['values']) ? row['values'] : {};
    if (String(values['name'] ?? '').startsWith(refusedName)) return { refused: 'this name is not taken' };
    const before = verb === 'insert' ? undefined : this.live(String(row['key']));
    if (verb !== 'insert' && before === undefined) return { gone: true };
    this.version += 1;
    const item: Item = {
      id: `item-${String(this.items.size + 1).padStart(6, '0')}`,
      token: String(row['token']),
      name: null,
      note: null,
      n: null,
      ...before,
      ...values,
      version: this.version,
      deleted: verb === 'delete',
    };
    this.items.set(item.id, item);
    return { record: { ...item } };
  }

  changes(after: number, limit: number): readonly Item[] {
    const newer = [...this.items.values()].filter((item) => item.version > after);
    return newer.sort((a, b) => a.version - b.version).slice(0, limit);
  }
}

function answer(items: Items, { method, path, query, body }: KitRequest): KitResponse {
  const input = parseJson(body.toString('utf8'));
  const given = (name: string): readonly Json[] => {
    const list = isJsonObject(input) ? input[name] : undefined;
    return Array.isArray(list) ? list : [];
  };
  const shown = (list: readonly (Item | undefined)[]): KitResponse => ({
    status: 200,
    body: { records: list.map((item) => (item === undefined ? null : { ...item })) },
  });
  switch (`${method} ${path}`) {
    case 'POST /items/insert':
    case 'POST /items/update':
    case 'POST /items/delete': {
      const verb = path.slice('/items/'.length);
      const rows = given('rows');
      const taken = items.half ? rows.slice(0, Math.ceil(rows.length / 2)) : rows;
      const results = taken.map((row) => items.change(verb, isJsonObject(row) ? row : {}));
      return items.half ? { status: 500 } : { status: 200, body: { results } };
    }
    case 'POST /read':
      return shown(given('keys').map((key) => items.live(String(key))));
    case 'POST /made': {
      const made = new Map([...items.items.values()].map((item) => [item.token, item]));
      return shown(given('tokens').map((token) => made.get(String(token))));
    }
    case 'GET /items':
      return shown(items.changes(Number(query.get('after')), Number(query.get('limit'))));
    default:
      return { status: 404, body: { error: 'no such path' } };
  }
}

/** Starts it; the records of an earlier one are there again. */
export async function startPartialApi(options: {
  readonly port: number;
  readonly stateFile: string;
}): Promise<SmallApi> {
  const file = stateFile(options.stateFile);
  const items = new Items();
  items.restore(file.load() ?? []);
  let kept = items.version;
  return startSmallApi({
    port: options.port,
    handle: (request) => answer(items, request),
    handled: () => {
      if (kept === items.version) return;
      file.save([...items.items.values()].map((item) => ({ ...item })));
      kept = items.version;
    },
    control: ({ method, parts }) => {
      if (parts[0] === 'state') return { status: 200, body: [...items.items.values()].map((item) => ({ ...item })) };
      if (parts[0] !== 'half') return undefined;
      items.half = method === 'PUT';
      return { status: 200, body: items.half };
    },
  });
}
