/** The sixth provider in the conformance suite. */
import type { FaultAction } from '../../../fixtures/kit/index.js';
import type { Exceptions, Kept, Refusal, Stand, Trouble } from '../stand.js';
import { credentials, startSixthApi } from './api.js';

const refusals: readonly Refusal[] = [
  {
    name: 'no title',
    values: { title: null },
    sqlstate: '23502',
    column: 'title',
    detail: 'Column "title" is required and has no value.',
  },
  { name: 'a long title', values: { title: 'x'.repeat(81) }, sqlstate: '22001', column: 'title' },
  {
    name: 'no choice',
    values: { status: 'lost' },
    sqlstate: '23514',
    column: 'status',
    detail: 'Key (status)=(lost): not one of the choices',
  },
  { name: 'no time', values: { due_at: 'infinity' }, sqlstate: '22P02', column: 'due_at' },
  { name: 'no number', values: { amount: 'NaN' }, sqlstate: '22P02', column: 'amount' },
];

const kept: readonly Kept[] = [
  { name: 'empty string', column: 'body', given: '', kept: '' },
  { name: 'NULL', column: 'body', given: null, kept: null },
  {
    name: 'a number of many digits',
    column: 'amount',
    given: '12345678901234567890.123',
    kept: '12345678901234567890.123',
  },
  { name: 'choice', column: 'status', given: 'done', kept: 'done' },
  {
    name: 'time stamp in another zone',
    column: 'due_at',
    given: '2024-03-31T02:30:00.123456+05:30',
    kept: '2024-03-30T21:00:00.123Z',
  },
  { name: 'largest integer', column: 'version_field', given: '9223372036854775807', kept: '9223372036854775807' },
];

function canned(status: number, code: string, retryAfter?: number): FaultAction {
  return {
    kind: 'respond',
    status,
    body: { errors: [{ code, message: code.toLowerCase() }] },
    ...(retryAfter === undefined ? {} : { headers: { 'retry-after': String(retryAfter) } }),
  };
}

function actionOf(trouble: Trouble): FaultAction {
  switch (trouble.kind) {
    case 'cut':
      return { kind: 'cut', phase: trouble.phase };
    case 'silence':
      return { kind: 'hold', phase: trouble.phase };
    case 'rate':
      return canned(429, 'TOO_FAST', trouble.seconds);
    case 'busy':
      return canned(503, 'BUSY', 0);
    case 'crash':
      return canned(500, 'CRASHED');
  }
}

export async function start(): Promise<Stand> {
  const api = await startSixthApi();
  const config = { auth: credentials, base_url: api.url, requests_per_second: 1000 };
  const batches = '/objects/note/batch';
  const note = (key: string) => {
    const found = api.notes().live(key);
    if (found === undefined) throw new Error(`there is no note ${key}`);
    return found;
  };
  return {
    config,
    badConfig: { ...config, auth: { ...credentials, client_secret: 'wrong' } },
    wrongConfigs: [
      [{}, 'auth is missing'],
      [{ ...config, auth: { client_id: 'x' } }, 'auth.client_secret is missing'],
      [{ ...config, colour: 'red' }, 'colour is not a known key'],
    ],
    table: 'notes',
    tables: ['notes'],
    limits: { insert: 25, update: 25, delete: 25 },
    pageSize: 100,
    mark: 'body',
    readOnly: 'changed_at',
    fresh: (mark) => ({ title: 'A note', body: mark }),
    refusals,
    kept,
    state: () => {
      const living = [...api.notes().notes.values()].filter(({ deleted }) => !deleted);
      return new Map(
        living.map(({ id, fields }) => {
          const body = fields['body'];
          return [id, typeof body === 'string' ? body : null] as const;
        }),
      );
    },
    upstream: {
      insert: (mark) => api.notes().insert({ title: 'Upstream', body: mark }).id,
      update: (key, mark) => void api.notes().change(note(key), { body: mark }),
      delete: (key) => void api.notes().remove(note(key)),
    },
    missingKey: 'note-999999',
    writes: () => api.log.list().filter(({ path }) => path === batches).length,
    trouble: (trouble, { times = 1, reads = false } = {}) =>
      api.faults.add({ path: reads ? '/objects/*' : batches, times, action: actionOf(trouble) }),
    expireToken: () => api.notes().tokens.clear(),
    advance: (millis) => api.clock.advance(millis),
    reset: () => api.reset(),
    close: () => api.close(),
  };
}

export const exceptions: Exceptions = {};
