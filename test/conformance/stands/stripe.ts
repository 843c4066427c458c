/** Stripe in the conformance suite: the project's own sandbox. */
import {
  DEFAULT_KEYS,
  type FaultAction,
  type StripeSandbox,
  startStripeSandbox,
  stripeFaults,
} from '../../../fixtures/stripe/index.js';
import { type Exceptions, firstOf, type Kept, type Refusal, type Stand, type Trouble } from '../stand.js';

const refusals: readonly Refusal[] = [
  {
    name: 'malformed e-mail address',
    values: { email: 'pauldune.co' },
    sqlstate: '23514',
    column: 'email',
    detail: 'Key (email)=(pauldune.co) is not a valid email address.',
  },
  {
    name: 'too long',
    values: { name: 'x'.repeat(257) },
    sqlstate: '22001',
    column: 'name',
    detail: `Key (name)=(${'x'.repeat(99)}…) is longer than 256 characters.`,
  },
  {
    name: 'metadata value too long',
    values: { metadata: { note: 'x'.repeat(501) } },
    sqlstate: '22001',
    column: 'metadata',
  },
  { name: 'metadata that is no object', values: { metadata: 'text' }, sqlstate: '23514', column: 'metadata' },
  {
    name: 'reference to nothing',
    values: { invoice_settings: { default_payment_method: 'pm_none' } },
    sqlstate: '23503',
    column: 'invoice_settings',
    detail: "No such payment_method: 'pm_none'.",
  },
  { name: 'choice that is none', values: { tax_exempt: 'sometimes' }, sqlstate: '23514', column: 'tax_exempt' },
  { name: 'number out of range', values: { balance: '99999999999999999' }, sqlstate: '22P02', column: 'balance' },
  { name: 'unknown member', values: { address: { planet: 'Arrakis' } }, sqlstate: '22P02', column: 'address' },
];

const kept: readonly Kept[] = [
  { name: 'empty string', column: 'description', given: '', kept: null },
  { name: 'NULL', column: 'description', given: null, kept: null },
  { name: 'white space at the ends', column: 'description', given: '  a b ', kept: '  a b ' },
  { name: 'negative amount', column: 'balance', given: '-500', kept: '-500' },
  { name: 'large amount', column: 'balance', given: '99999999', kept: '99999999' },
  { name: 'largest integer', column: 'next_invoice_sequence', given: 2_147_483_647, kept: 2_147_483_647 },
  {
    name: 'metadata',
    column: 'metadata',
    given: { crm: '7', empty: '', none: null, number: 12.5, flag: true, 'é "q"': "O'Neill" },
    kept: { crm: '7', flag: 'true', number: '12.5', 'é "q"': "O'Neill" },
  },
  { name: 'no metadata', column: 'metadata', given: {}, kept: {} },
  { name: 'several choices', column: 'preferred_locales', given: ['nb', 'en'], kept: ['nb', 'en'] },
  { name: 'no choices', column: 'preferred_locales', given: [], kept: [] },
  { name: 'choice', column: 'tax_exempt', given: 'reverse', kept: 'reverse' },
  {
    name: 'nested object',
    column: 'shipping',
    given: { name: 'Paul', address: { line1: 'Sietch 1', city: 'Arrakeen' } },
    kept: { name: 'Paul', address: { line1: 'Sietch 1', city: 'Arrakeen' } },
  },
];

function actionOf(trouble: Trouble): FaultAction {
  switch (trouble.kind) {
    case 'cut':
      return { kind: 'cut', phase: trouble.phase };
    case 'silence':
      return { kind: 'hold', phase: trouble.phase };
    case 'rate':
      return {
        ...stripeFaults.rateLimit,
        headers: { ...stripeFaults.rateLimit.headers, 'retry-after': String(trouble.seconds) },
      };
    case 'busy':
      return stripeFaults.lockTimeout;
    case 'crash':
      return stripeFaults.apiError;
  }
}

function isWrite(entry: { readonly method: string; readonly path: string }): boolean {
  return entry.method !== 'GET' && entry.path.startsWith('/v1/customers');
}

function stand(sandbox: StripeSandbox): Stand {
  // The limit of test mode would make the cases wait.
  const config = {
    auth: { kind: 'api_key', api_key: DEFAULT_KEYS.secretKey },
    base_url: sandbox.url,
    requests_per_second: 5000,
  };
  return {
    config,
    badConfig: { ...config, auth: { api_key: 'sk_test_revoked00000000' } },
    wrongConfigs: [
      [{}, 'auth is missing'],
      [{ auth: {} }, 'auth.api_key is missing'],
      [{ auth: { api_key: 'pk_test_0000000000' } }, 'is a publishable key'],
      [{ ...config, base_url: 'http://api.stripe.com' }, 'base_url must be an https:// address'],
      [{ ...config, api_version: '2020-01-01' }, 'api_version is not a known key'],
    ],
    table: 'customers',
    tables: [
      'charges',
      'coupons',
      'customers',
      'invoice_items',
      'invoices',
      'payment_intents',
      'payment_methods',
      'prices',
      'products',
      'refunds',
      'subscriptions',
    ],
    limits: { insert: 100, update: 100, delete: 100 },
    rowRequests: true,
    pageSize: 100,
    mark: 'description',
    readOnly: 'created',
    fresh: (mark) => ({ name: `Name of ${mark}`, description: mark }),
    refusals,
    kept,
    state: () => new Map(sandbox.records('customers').map((record) => [record.id, record['description'] ?? null])),
    upstream: {
      insert: (mark) => sandbox.create('customers', { name: 'Upstream', description: mark }).id,
      update: (key, mark) => void sandbox.update('customers', key, { description: mark }),
      delete: (key) => sandbox.remove('customers', key),
    },
    missingKey: 'cus_none00000000',
    writes: () => sandbox.requests.list().filter(isWrite).length,
    trouble: (trouble, { times = 1, reads = false } = {}) => {
      const action = actionOf(trouble);
      if (reads) return sandbox.faults.add({ path: '/v1/*', times, action });
      const methods = ['POST', 'DELETE'];
      return firstOf(methods.map((method) => sandbox.faults.add({ method, path: '/v1/customers*', times, action })));
    },
    expireToken: () => sandbox.expireKey(),
    advance: (millis) => sandbox.clock.advance(millis),
    reset: () => sandbox.reset(),
    close: () => sandbox.close(),
  };
}

export async function start(): Promise<Stand> {
  return stand(await startStripeSandbox({ customers: 5 }));
}

export const exceptions: Exceptions = {
  'an access token that expires in the middle is renewed, once for all': 'API keys do not expire and are not renewed',
};
