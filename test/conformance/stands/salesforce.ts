/** Salesforce in the conformance suite: the project's own sandbox. */
import {
  DEFAULT_CREDENTIALS,
  type FaultAction,
  type SalesforceSandbox,
  salesforceFaults,
  startSalesforceSandbox,
} from '../../../fixtures/salesforce/index.js';
import { type Exceptions, firstOf, type Kept, type Refusal, type Stand, type Trouble } from '../stand.js';

const options = { contacts: 5, accounts: 3, invoiceItems: 2, pageSize: 50 };
const collections = '/services/data/v62.0/composite/sobjects';
const upserts = `${collections}/Contact/External_Id__c`;

const refusals: readonly Refusal[] = [
  {
    name: 'malformed e-mail address',
    values: { email: 'pauldune.co' },
    sqlstate: '23514',
    column: 'email',
    detail: 'Key (email)=(pauldune.co) is not a valid email address.',
  },
  {
    name: 'required field cleared',
    values: { last_name: null },
    sqlstate: '23502',
    column: 'last_name',
    detail: 'Column "last_name" is required and has no value.',
  },
  {
    name: 'too long',
    values: { department: 'x'.repeat(81) },
    sqlstate: '22001',
    column: 'department',
    detail: `Key (department)=(${'x'.repeat(81)}) is longer than 80 characters.`,
  },
  {
    name: 'duplicate',
    values: { external_id: 'taken' },
    sqlstate: '23505',
    column: 'external_id',
    detail: 'Key (external_id)=(taken) already exists.',
  },
  { name: 'choice that is none', values: { level: 'Supreme' }, sqlstate: '23514', column: 'level' },
  {
    name: 'reference to nothing',
    values: { account_id: '001000000000999AAA' },
    sqlstate: '23503',
    column: 'account_id',
    detail: 'Key (account_id)=(001000000000999AAA) is not present in Account.',
  },
  { name: 'malformed reference', values: { account_id: 'nope' }, sqlstate: '22P02', column: 'account_id' },
  { name: 'number out of range', values: { discount: '1000' }, sqlstate: '23514', column: 'discount' },
  {
    name: "administrator's rule",
    values: { discount: '60' },
    sqlstate: '23514',
    column: 'discount',
    detail: 'A discount of more than 50 % needs the approval of a manager.',
  },
];

const kept: readonly Kept[] = [
  { name: 'empty string', column: 'department', given: '', kept: null },
  { name: 'NULL', column: 'department', given: null, kept: null },
  { name: 'white space at the ends', column: 'department', given: '  a b ', kept: 'a b' },
  { name: 'largest integer', column: 'visits', given: '999999999', kept: '999999999' },
  { name: 'negative decimal', column: 'score', given: '-0.01', kept: '-0.01' },
  { name: 'decimal of 15 digits', column: 'annual_spend', given: '9999999999999.99', kept: '9999999999999.99' },
  { name: 'true', column: 'newsletter', given: true, kept: true },
  { name: 'leap day', column: 'customer_since', given: '2024-02-29', kept: '2024-02-29' },
  { name: 'time', column: 'best_time', given: '23:59:59.123456', kept: '23:59:59.123' },
  {
    name: 'time stamp in another zone',
    column: 'next_call',
    given: '2024-03-31T02:30:00+05:30',
    kept: '2024-03-30T21:00:00.000Z',
  },
  {
    name: 'time stamp before 1970',
    column: 'next_call',
    given: '1900-01-01T00:00:00Z',
    kept: '1900-01-01T00:00:00.000Z',
  },
  { name: 'several choices', column: 'interests', given: ['travel', 'art'], kept: ['art', 'travel'] },
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
      return after(trouble.seconds, salesforceFaults.tooManyConcurrent);
    case 'busy':
      return after(0, salesforceFaults.serverUnavailable);
    case 'crash':
      return salesforceFaults.unknownException;
  }
}

function isWrite(entry: { readonly method: string; readonly path: string }): boolean {
  const path = entry.path.split('?')[0] ?? '';
  return (path === collections && ['POST', 'PATCH', 'DELETE'].includes(entry.method)) || path === upserts;
}

function stand(sandbox: SalesforceSandbox): Stand {
  const { clientId, clientSecret, refreshToken } = DEFAULT_CREDENTIALS;
  const auth = {
    kind: 'refresh_token',
    client_id: clientId,
    client_secret: clientSecret,
    refresh_token: refreshToken,
    login_url: sandbox.url,
  };
  return {
    config: { auth },
    badConfig: { auth: { ...auth, refresh_token: 'revoked-refresh-token' } },
    wrongConfigs: [
      [{}, 'auth is missing'],
      [{ auth: { ...auth, refresh_token: undefined } }, 'auth.refresh_token is missing'],
    ],
    table: 'contacts',
    tables: ['accounts', 'contacts', 'invoice_items'],
    limits: { insert: 200, update: 200, delete: 200, upsert: 200 },
    pageSize: options.pageSize,
    mark: 'department',
    readOnly: 'system_modstamp',
    upsertBy: 'external_id',
    fresh: (mark) => ({ last_name: `Name of ${mark}`, department: mark }),
    refusals,
    kept,
    state: () =>
      new Map(
        sandbox.records('Contact').flatMap((record) => {
          if (record['IsDeleted'] === true) return [];
          return [[String(record['Id']), record['Department'] ?? null] as const];
        }),
      ),
    upstream: {
      insert: (mark) => sandbox.upsert('Contact', { LastName: 'Upstream', Department: mark }),
      update: (key, mark) => void sandbox.upsert('Contact', { Id: key, Department: mark }),
      delete: (key) => sandbox.delete('Contact', key),
    },
    missingKey: '003000000000999AAA',
    writes: () => sandbox.requests.list().filter(isWrite).length,
    trouble: (trouble, { times = 1, reads = false } = {}) => {
      const paths = reads ? ['/services/data/*'] : [collections, upserts];
      return firstOf(paths.map((path) => sandbox.faults.add({ path, times, action: actionOf(trouble) })));
    },
    expireToken: () => sandbox.expireTokens(),
    advance: (millis) => sandbox.clock.advance(millis),
    reset: () => {
      sandbox.reset();
      sandbox.upsert('Contact', { LastName: 'Holder', External_Id__c: 'taken', Department: 'holder' });
    },
    close: () => sandbox.close(),
  };
}

export async function start(): Promise<Stand> {
  const made = stand(await startSalesforceSandbox(options));
  made.reset();
  return made;
}

export const exceptions: Exceptions = {};
