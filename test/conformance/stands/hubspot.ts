/** HubSpot in the conformance suite: the project's own sandbox. */
import {
  DEFAULT_CREDENTIALS,
  type FaultAction,
  type HubspotSandbox,
  hubspotFaults,
  startHubspotSandbox,
} from '../../../fixtures/hubspot/index.js';
import { type Exceptions, firstOf, type Kept, type Refusal, type Stand, type Trouble } from '../stand.js';

const options = {
  contacts: 5,
  companies: 3,
  others: 2,
  listPage: 40,
  searchPage: 50,
  // The limits have tests of their own.
  requestsPerTenSeconds: 10_000,
  searchesPerSecond: 10_000,
};

const refusals: readonly Refusal[] = [
  {
    name: 'malformed e-mail address',
    values: { email: 'pauldune.co' },
    sqlstate: '23514',
    column: 'email',
    detail: 'Key (email)=(pauldune.co) is not a valid email address.',
  },
  {
    name: 'duplicate e-mail address',
    values: { email: 'Holder@example.com' },
    sqlstate: '23505',
    column: 'email',
    detail: 'Key (email)=(Holder@example.com) already exists.',
  },
  {
    name: 'duplicate of a unique property',
    values: { loyalty_number: 'taken' },
    sqlstate: '23505',
    column: 'loyalty_number',
    detail: 'Key (loyalty_number)=(taken) already exists.',
  },
  {
    name: 'too long',
    values: { loyalty_number: 'x'.repeat(21) },
    sqlstate: '22001',
    column: 'loyalty_number',
    detail: `Key (loyalty_number)=(${'x'.repeat(21)}) is too long.`,
  },
  {
    name: 'choice that is none',
    values: { level: 'Supreme' },
    sqlstate: '23514',
    column: 'level',
    detail: 'Key (level)=(Supreme) is not one of the values that the field allows.',
  },
  {
    name: 'one of several choices that is none',
    values: { interests: ['art', 'war'] },
    sqlstate: '23514',
    column: 'interests',
  },
  { name: 'number out of range', values: { discount: '60' }, sqlstate: '23514', column: 'discount' },
  { name: 'number that is none', values: { score: 'NaN' }, sqlstate: '22P02', column: 'score' },
];

const kept: readonly Kept[] = [
  { name: 'empty string', column: 'company', given: '', kept: null },
  { name: 'NULL', column: 'company', given: null, kept: null },
  { name: 'e-mail address with capitals', column: 'email', given: 'Paul@Dune.CO', kept: 'paul@dune.co' },
  { name: 'negative decimal', column: 'score', given: '-0.01', kept: '-0.01' },
  { name: 'decimal with zeros at its end', column: 'score', given: '12.500', kept: '12.5' },
  { name: 'decimal of 20 digits', column: 'score', given: '12345678901234567.891', kept: '12345678901234567.891' },
  { name: 'zero', column: 'score', given: '0', kept: '0' },
  { name: 'true', column: 'newsletter', given: true, kept: true },
  { name: 'false', column: 'newsletter', given: false, kept: false },
  { name: 'true as a choice', column: 'vip', given: true, kept: true },
  { name: 'leap day', column: 'customer_since', given: '2024-02-29', kept: '2024-02-29' },
  { name: 'date before 1970', column: 'customer_since', given: '1899-12-31', kept: '1899-12-31' },
  {
    name: 'time stamp in another zone',
    column: 'next_call',
    given: '2024-03-31T02:30:00+05:30',
    kept: '2024-03-30T21:00:00.000Z',
  },
  {
    name: 'time stamp with microseconds',
    column: 'next_call',
    given: '2024-03-31T02:30:00.123456Z',
    kept: '2024-03-31T02:30:00.123Z',
  },
  {
    name: 'time stamp before 1970',
    column: 'next_call',
    given: '1900-01-01T00:00:00Z',
    kept: '1900-01-01T00:00:00.000Z',
  },
  { name: 'several choices', column: 'interests', given: ['travel', 'art'], kept: ['travel', 'art'] },
  { name: 'no choices', column: 'interests', given: [], kept: null },
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
      return after(trouble.seconds, hubspotFaults.tenSecondly);
    case 'busy':
      return after(0, hubspotFaults.locked);
    case 'crash':
      return hubspotFaults.internalError;
  }
}

function isWrite({ method, path }: { readonly method: string; readonly path: string }): boolean {
  return method === 'POST' && /^\/crm\/v3\/objects\/contacts(\/batch\/(create|update|archive|upsert))?$/.test(path);
}

function stand(sandbox: HubspotSandbox): Stand {
  const { clientId, clientSecret, refreshToken } = DEFAULT_CREDENTIALS;
  const auth = { kind: 'oauth', client_id: clientId, client_secret: clientSecret, refresh_token: refreshToken };
  const config = { auth, base_url: sandbox.url };
  return {
    config,
    badConfig: { ...config, auth: { ...auth, refresh_token: 'revoked-refresh-token' } },
    wrongConfigs: [
      [{}, 'auth is missing'],
      [{ auth: { ...auth, refresh_token: undefined } }, 'auth.refresh_token is missing'],
    ],
    table: 'contacts',
    tables: [
      'contacts',
      'companies',
      'deals',
      'tickets',
      'products',
      'line_items',
      'shipments',
      'contacts_companies',
      'deals_contacts',
      'deals_companies',
      'deals_line_items',
      'tickets_contacts',
      'tickets_companies',
      'tickets_deals',
      'shipments_contacts',
    ],
    limits: { insert: 1, update: 100, delete: 100, upsert: 100 },
    pageSize: options.searchPage,
    mark: 'jobtitle',
    readOnly: 'lastmodifieddate',
    upsertBy: 'loyalty_number',
    fresh: (mark) => ({
      email: `${mark.replaceAll(' ', '.')}@example.com`,
      lastname: `Name of ${mark}`,
      jobtitle: mark,
    }),
    refusals,
    kept,
    state: () =>
      new Map(sandbox.records('contacts').map((record) => [String(record['id']), record['jobtitle'] ?? null] as const)),
    upstream: {
      insert: (mark) => sandbox.upsert('contacts', { lastname: 'Upstream', jobtitle: mark }),
      update: (key, mark) => void sandbox.upsert('contacts', { jobtitle: mark }, key),
      delete: (key) => sandbox.archive('contacts', key),
    },
    missingKey: '999999999',
    // Archiving answers 204 whatever the id.
    deletesUnknown: true,
    writes: () => sandbox.requests.list().filter(isWrite).length,
    trouble: (trouble, { times = 1, reads = false } = {}) => {
      const action = actionOf(trouble);
      if (reads) return sandbox.faults.add({ path: '/crm/v3/objects/*', times, action });
      // A single create and the batches that make records: whichever comes first meets it.
      const paths = ['', '/batch/create', '/batch/upsert'].map((kind) => `/crm/v3/objects/contacts${kind}`);
      return firstOf(paths.map((path) => sandbox.faults.add({ method: 'POST', path, times, action })));
    },
    expireToken: () => sandbox.expireTokens(),
    advance: (millis) => sandbox.clock.advance(millis),
    reset: () => {
      sandbox.reset();
      sandbox.upsert('contacts', { email: 'holder@example.com', loyalty_number: 'taken', jobtitle: 'holder' });
    },
    close: () => sandbox.close(),
  };
}

export async function start(): Promise<Stand> {
  const made = stand(await startHubspotSandbox(options));
  made.reset();
  return made;
}

export const exceptions: Exceptions = {};
