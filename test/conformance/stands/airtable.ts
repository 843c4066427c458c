/** Airtable in the conformance suite: the project's own sandbox, whose batches answer in another order than they were sent. */
import {
  type AirtableSandbox,
  airtableFaults,
  DEFAULT_CREDENTIALS,
  type FaultAction,
  startAirtableSandbox,
} from '../../../fixtures/airtable/index.js';
import type { Exceptions, Kept, Refusal, Stand, Trouble } from '../stand.js';

const base = 'Caladan CRM';
const table = 'Contacts';
const options = {
  contacts: 5,
  companies: 3,
  others: 1,
  pageSize: 50,
  shuffleResults: true,
  rateLimits: false,
} as const;

const missingKey = 'recAAAAAAAAAAAAAA';

const refusals: readonly Refusal[] = [
  {
    name: 'choice that is none',
    values: { status: 'Supreme' },
    sqlstate: '23514',
    column: 'status',
    detail: 'Key (status)=(Supreme) is not one of the values that the field allows.',
  },
  {
    name: 'one choice of several that is none',
    values: { tags: ['Spice', 'Sand'] },
    sqlstate: '23514',
    column: 'tags',
    detail: 'Key (tags)=({Spice,Sand}) is not one of the values that the field allows.',
  },
  {
    name: 'number out of range',
    values: { rating: 6 },
    sqlstate: '23514',
    column: 'rating',
    detail: 'Key (rating)=(6) is not a value that the field accepts.',
  },
  { name: 'number that is none', values: { score: 'NaN' }, sqlstate: '23514', column: 'score' },
  {
    name: 'reference to nothing',
    values: { company: [missingKey] },
    sqlstate: '23503',
    column: 'company',
    detail: `Key (company)=({${missingKey}}) is not present in the linked table.`,
  },
  {
    name: 'malformed reference',
    values: { company: ['nope'] },
    sqlstate: '22P02',
    column: 'company',
    detail: 'Key (company)=({nope}) is not a well-formed record id.',
  },
  {
    name: 'malformed attachment',
    values: { files: [{ name: 'x' }] },
    sqlstate: '22P02',
    column: 'files',
    detail:
      'Key (files)=([{"name":"x"}]) is not an attachment: give objects with a url, or the id of one that is there.',
  },
  { name: 'unknown person', values: { owner: { email: 'nobody@x.example' } }, sqlstate: '22P02', column: 'owner' },
  { name: 'no date', values: { birthday: 'infinity' }, sqlstate: '22P02', column: 'birthday' },
  { name: 'too long', values: { notes: 'x'.repeat(100_001) }, sqlstate: '22001', column: 'notes' },
];

const kept: readonly Kept[] = [
  { name: 'empty string', column: 'notes', given: '', kept: null },
  { name: 'NULL', column: 'notes', given: null, kept: null },
  { name: 'white space', column: 'notes', given: '  a b ', kept: '  a b ' },
  { name: 'largest exact integer', column: 'visits', given: '9007199254740991', kept: '9007199254740991' },
  { name: 'decimal of more digits than a double', column: 'score', given: '0.1000000000000000055', kept: '0.1' },
  { name: 'small decimal', column: 'score', given: '0.0000001', kept: '0.0000001' },
  { name: 'negative decimal', column: 'budget', given: '-0.01', kept: '-0.01' },
  { name: 'percent as a fraction', column: 'discount', given: '0.125', kept: '0.125' },
  { name: 'rating', column: 'rating', given: 5, kept: 5 },
  { name: 'seconds', column: 'call_length', given: '90.5', kept: '90.5' },
  { name: 'checked', column: 'subscribed', given: true, kept: true },
  { name: 'unchecked', column: 'subscribed', given: false, kept: false },
  { name: 'box without a value', column: 'subscribed', given: null, kept: false },
  { name: 'leap day', column: 'birthday', given: '2024-02-29', kept: '2024-02-29' },
  {
    name: 'time stamp in another zone, with microseconds',
    column: 'next_call',
    given: '2024-03-31T02:30:00.123456+05:30',
    kept: '2024-03-30T21:00:00.123Z',
  },
  {
    name: 'time stamp before 1970',
    column: 'next_call',
    given: '1900-01-01T00:00:00Z',
    kept: '1900-01-01T00:00:00.000Z',
  },
  { name: 'choice', column: 'status', given: 'Lead', kept: 'Lead' },
  { name: 'several choices', column: 'tags', given: ['Water', 'Spice'], kept: ['Water', 'Spice'] },
  { name: 'no choices', column: 'tags', given: [], kept: null },
  { name: 'barcode', column: 'badge', given: { text: 'A1', type: 'code39' }, kept: { text: 'A1', type: 'code39' } },
];

/** A canned answer that asks to wait. */
function after(seconds: number, answer: FaultAction): FaultAction {
  return answer.kind === 'respond' ? { ...answer, headers: { 'retry-after': String(seconds) } } : answer;
}

function actionOf(trouble: Trouble): FaultAction {
  switch (trouble.kind) {
    case 'cut':
      return { kind: 'cut', phase: trouble.phase };
    case 'silence':
      return { kind: 'hold', phase: trouble.phase };
    case 'rate':
      return after(trouble.seconds, airtableFaults.rateLimited);
    case 'busy':
      return after(0, airtableFaults.restarting);
    case 'crash':
      return airtableFaults.serverError;
  }
}

function stand(sandbox: AirtableSandbox): Stand {
  const { clientId, clientSecret, refreshToken } = DEFAULT_CREDENTIALS;
  const ids = sandbox.ids(base, table);
  const address = `/v0/${ids.base}/${ids.table}`;
  const auth = {
    kind: 'oauth',
    client_id: clientId,
    client_secret: clientSecret,
    refresh_token: refreshToken,
    token_url: `${sandbox.url}/oauth2/v1/token`,
  };
  const config = { auth, endpoint_url: sandbox.url, requests_per_second: 50 };
  return {
    config,
    badConfig: { ...config, auth: { ...auth, refresh_token: 'used-refresh-token' } },
    wrongConfigs: [
      [{}, 'auth is missing'],
      [{ ...config, auth: { ...auth, refresh_token: undefined } }, 'auth.refresh_token is missing'],
      [{ ...config, auth: { kind: 'personal_access_token', token: 'key123' } }, 'auth.token is an API key'],
    ],
    table: 'caladan_crm_contacts',
    tables: [
      'archive_old_deals',
      'caladan_crm_companies',
      'caladan_crm_contacts',
      'content_calendar_contacts',
      'content_calendar_posts',
    ],
    limits: { insert: 10, update: 10, delete: 10, upsert: 10 },
    pageSize: options.pageSize,
    mark: 'name',
    readOnly: 'changed',
    upsertBy: 'notes',
    fresh: (mark) => ({ name: mark, email: 'fresh@dune.example' }),
    refusals,
    kept,
    state: () =>
      new Map(
        sandbox.records(base, table).map((record) => {
          const fields = record['fields'];
          const name = typeof fields === 'object' && fields !== null && 'Name' in fields ? fields['Name'] : undefined;
          return [String(record['id']), typeof name === 'string' ? name : null] as const;
        }),
      ),
    upstream: {
      insert: (mark) => sandbox.save(base, table, { Name: mark }),
      update: (key, mark) => void sandbox.save(base, table, { Name: mark }, key),
      delete: (key) => sandbox.delete(base, table, key),
    },
    missingKey,
    writes: () =>
      sandbox.requests.list().filter((entry) => entry.path.split('?')[0] === address && entry.method !== 'GET').length,
    trouble: (trouble, { times = 1, reads = false } = {}) =>
      sandbox.faults.add({ path: reads ? '/v0/*' : address, times, action: actionOf(trouble) }),
    expireToken: () => sandbox.expireTokens(),
    advance: (millis) => sandbox.clock.advance(millis),
    reset: () => sandbox.reset(),
    close: () => sandbox.close(),
  };
}

export async function start(): Promise<Stand> {
  return stand(await startAirtableSandbox(options));
}

export const exceptions: Exceptions = {};
