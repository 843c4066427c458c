/** The API that the template speaks to, in memory: what a vendor would run. */
import { randomUUID } from 'node:crypto';
import {
  Clock,
  isJsonObject,
  type Json,
  type JsonObject,
  type KitRequest,
  type KitResponse,
  parseJson,
  startSmallApi,
} from '../../../fixtures/kit/index.js';

export const credentials = { client_id: 'sixth-client', client_secret: 'sixth-secret' } as const;
export const statuses = ['open', 'done'] as const;

interface Note {
  readonly id: string;
  readonly ref: string;
  readonly version: number;
  readonly deleted: boolean;
  readonly fields: JsonObject;
}

interface Problem {
  readonly index: number;
  readonly code: string;
  readonly message: string;
  readonly field?: string;
}

const fields = [
  { name: 'title', type: 'string', label: 'Title', writable: true, required: true, max_length: 80 },
  { name: 'body', type: 'string', label: 'Body', writable: true, required: false },
  { name: 'status', type: 'string', label: 'Status', writable: true, required: false, choices: [...statuses] },
  { name: 'amount', type: 'decimal', label: 'Amount', writable: true, required: false },
  { name: 'dueAt', type: 'timestamp', label: 'Due', writable: true, required: false },
  { name: 'Version', type: 'integer', label: 'A field named as one of our own', writable: true, required: false },
  { name: 'changedAt', type: 'timestamp', label: 'Changed', writable: false, required: true },
];

export class Notes {
  readonly notes = new Map<string, Note>();
  readonly tokens = new Set<string>();
  private version = 0;
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  live(id: string): Note | undefined {
    const note = this.notes.get(id);
    return note?.deleted === true ? undefined : note;
  }

  private save(note: Omit<Note, 'version'>): Note {
    this.version += 1;
    const changedAt = new Date(this.clock.now()).toISOString();
    const saved = { ...note, version: this.version, fields: { ...note.fields, changedAt } };
    this.notes.set(note.id, saved);
    return saved;
  }

  insert(given: JsonObject, ref = ''): Note {
    const empty = Object.fromEntries(fields.map(({ name }) => [name, null]));
    const id = `note-${String(this.notes.size + 1).padStart(6, '0')}`;
    return this.save({ id, ref, deleted: false, fields: { ...empty, ...kept(given) } });
  }

  change(note: Note, given: JsonObject): Note {
    return this.save({ ...note, fields: { ...note.fields, ...kept(given) } });
  }

  remove(note: Note): Note {
    return this.save({ ...note, deleted: true });
  }

  changes(after: number, limit: number): readonly Note[] {
    const newer = [...this.notes.values()].filter((note) => note.version > after);
    return newer.sort((a, b) => a.version - b.version).slice(0, limit);
  }
}

/** Values as the API keeps them: time stamps in UTC, with milliseconds. */
function kept(given: JsonObject): JsonObject {
  const due = given['dueAt'];
  return typeof due === 'string' ? { ...given, dueAt: new Date(due).toISOString() } : given;
}

function problemOf(verb: string, given: JsonObject): Omit<Problem, 'index'> | undefined {
  const { title, status, dueAt, amount } = given;
  const isGiven = verb === 'insert' || title !== undefined;
  if (isGiven && (typeof title !== 'string' || title.trim() === '')) {
    return { code: 'REQUIRED', field: 'title', message: 'title is required' };
  }
  if (typeof title === 'string' && title.length > 80) {
    return { code: 'TOO_LONG', field: 'title', message: 'at most 80 characters' };
  }
  if (typeof status === 'string' && !statuses.some((known) => known === status)) {
    return { code: 'NOT_A_CHOICE', field: 'status', message: 'not one of the choices' };
  }
  if (typeof dueAt === 'string' && Number.isNaN(Date.parse(dueAt))) {
    return { code: 'MALFORMED', field: 'dueAt', message: 'not a time stamp' };
  }
  if (typeof amount === 'string' && !/^-?\d+(\.\d+)?$/.test(amount)) {
    return { code: 'MALFORMED', field: 'amount', message: 'not a decimal number' };
  }
  return undefined;
}

function shown(note: Note | undefined): Json {
  return note === undefined ? null : { id: note.id, version: note.version, deleted: note.deleted, fields: note.fields };
}

function batch(notes: Notes, body: JsonObject): KitResponse {
  const verb = String(body['verb']);
  const records = Array.isArray(body['records']) ? body['records'].filter(isJsonObject) : [];
  const given = records.map((record) => (isJsonObject(record['fields']) ? record['fields'] : {}));
  const problems = records.flatMap((record, index): readonly Problem[] => {
    if (verb !== 'insert' && notes.live(String(record['id'])) === undefined) {
      return [{ index, code: 'NOT_FOUND', message: 'there is no such record' }];
    }
    const problem = verb === 'delete' ? undefined : problemOf(verb, given[index] ?? {});
    return problem === undefined ? [] : [{ index, ...problem }];
  });
  if (problems.length > 0) return { status: 422, body: { errors: problems.map((problem) => ({ ...problem })) } };
  const saved = records.map((record, index) => {
    const note = notes.live(String(record['id']));
    const values = given[index] ?? {};
    if (note === undefined) return notes.insert(values, String(record['ref']));
    return verb === 'delete' ? notes.remove(note) : notes.change(note, values);
  });
  return { status: 200, body: { records: saved.map(shown) } };
}

function lookup(notes: Notes, body: JsonObject): KitResponse {
  const list = (name: string): readonly Json[] => (Array.isArray(body[name]) ? body[name] : []);
  const byRef = new Map([...notes.notes.values()].map((note) => [note.ref, note]));
  const found = [
    ...list('ids').map((id) => notes.live(String(id))),
    ...list('refs').map((ref) => byRef.get(String(ref))),
  ];
  return { status: 200, body: { records: found.map(shown) } };
}

function token(notes: Notes, body: JsonObject): KitResponse {
  const isKnown = body['client_id'] === credentials.client_id && body['client_secret'] === credentials.client_secret;
  if (!isKnown) return { status: 401, body: { errors: [{ code: 'UNAUTHORIZED', message: 'unknown client' }] } };
  const access_token = randomUUID();
  notes.tokens.add(access_token);
  return { status: 200, body: { access_token, expires_in: 3600 } };
}

function answer(notes: Notes, { method, path, query, body, headers }: KitRequest): KitResponse {
  const parsed = parseJson(body.toString('utf8'));
  const input = isJsonObject(parsed) ? parsed : {};
  const route = `${method} ${path}`;
  if (route === 'POST /token') return token(notes, input);
  const bearer = String(headers['authorization'] ?? '').replace(/^Bearer /, '');
  if (!notes.tokens.has(bearer)) {
    return { status: 401, body: { errors: [{ code: 'UNAUTHORIZED', message: 'unknown token' }] } };
  }
  switch (route) {
    case 'GET /me':
      return { status: 200, body: { login: 'chani' } };
    case 'GET /objects':
      return { status: 200, body: { objects: [{ name: 'note', label: 'Notes', fields }] } };
    case 'POST /objects/note/batch':
      return batch(notes, input);
    case 'POST /objects/note/lookup':
      return lookup(notes, input);
    case 'GET /objects/note/changes': {
      const changes = notes.changes(Number(query.get('after')), Number(query.get('limit')));
      return { status: 200, body: { records: changes.map(shown) } };
    }
    default:
      return { status: 404, body: { errors: [{ code: 'NO_SUCH_PATH', message: path }] } };
  }
}

/** Starts it on a free port. */
export async function startSixthApi() {
  const clock = new Clock();
  let notes = new Notes(clock);
  const api = await startSmallApi({ clock, handle: (request) => answer(notes, request) });
  return {
    ...api,
    clock,
    notes: () => notes,
    reset: () => {
      notes = new Notes(clock);
      api.faults.clear();
      api.log.clear();
      clock.reset();
    },
  };
}
