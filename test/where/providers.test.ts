/**
 * What a provider asks its API for because of a condition contains every record that the condition is true of, by the
 * stand-in's own engine; and what is left of it after PostgreSQL has looked is what the condition is true of.
 */
import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as airtable from '../../fixtures/airtable/index.js';
import * as hubspot from '../../fixtures/hubspot/index.js';
import * as salesforce from '../../fixtures/salesforce/index.js';
import * as stripe from '../../fixtures/stripe/index.js';
import { conditionSql, filteredSession } from '../../src/catalog/index.js';
import { parseCondition } from '../../src/catalog/where/parse.js';
import { belonging } from '../../src/catalog/where/sql.js';
import {
  type Budget,
  type Column,
  createKit,
  createRegistry,
  type Rec,
  type Resource,
  type Session,
  silentLog,
} from '../../src/provider/index.js';
import { ownPool } from '../support/database.js';
import { startTestPostgres } from '../support/postgres.js';
import { conditions } from './conditions.js';

/** No test of this file is about limits. */
const unbounded: Budget = { take: async () => () => {}, report: () => {} };

const signal = new AbortController().signal;
let pool: pg.Pool;
const closers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  pool = ownPool((await startTestPostgres()).upwriteUrl, 4);
});
afterAll(async () => {
  await Promise.all(closers.map((close) => close()));
});

interface Stand {
  readonly provider: string;
  readonly tables: readonly string[];
  /** How many of a hundred conditions at least are narrowed: a translator that gives up is no use. */
  readonly narrowed: number;
  start(): Promise<{ config: object; close(): Promise<unknown> }>;
}

const stands: readonly Stand[] = [
  {
    provider: 'salesforce',
    tables: ['contacts', 'invoice_items'],
    narrowed: 40,
    start: async () => {
      const sandbox = await salesforce.startSalesforceSandbox({ contacts: 40, accounts: 6, invoiceItems: 30 });
      const { clientId, clientSecret, refreshToken } = sandbox.settings;
      const auth = {
        kind: 'refresh_token',
        client_id: clientId,
        client_secret: clientSecret,
        refresh_token: refreshToken,
        login_url: sandbox.url,
      };
      return { config: { auth }, close: () => sandbox.close() };
    },
  },
  {
    provider: 'airtable',
    tables: ['caladan_crm_contacts'],
    narrowed: 20,
    start: async () => {
      const sandbox = await airtable.startAirtableSandbox({
        contacts: 40,
        companies: 20,
        others: 3,
        rateLimits: false,
      });
      const auth = { kind: 'personal_access_token', token: airtable.DEFAULT_CREDENTIALS.personalAccessToken };
      return { config: { auth, endpoint_url: sandbox.url, requests_per_second: 50 }, close: () => sandbox.close() };
    },
  },
  {
    provider: 'hubspot',
    tables: ['contacts', 'deals'],
    narrowed: 25,
    start: async () => {
      const sandbox = await hubspot.startHubspotSandbox({
        contacts: 40,
        companies: 5,
        others: 30,
        searchesPerSecond: 100_000,
        requestsPerTenSeconds: 1_000_000,
        searchPage: 25,
      });
      const auth = { kind: 'private_app', access_token: hubspot.DEFAULT_CREDENTIALS.privateAppToken };
      return { config: { auth, base_url: sandbox.url }, close: () => sandbox.close() };
    },
  },
  {
    provider: 'stripe',
    tables: ['customers'],
    narrowed: 1,
    start: async () => {
      const sandbox = await stripe.startStripeSandbox({ customers: 40 });
      return {
        config: { auth: { api_key: stripe.DEFAULT_KEYS.secretKey }, base_url: sandbox.url },
        close: () => sandbox.close(),
      };
    },
  },
];

async function recordsOf(session: Session, resource: Resource): Promise<readonly Rec[]> {
  const records = new Map<string, Rec>();
  for await (const page of session.pull(resource, null, signal)) {
    for (const record of page.records) records.set(record.key, record);
  }
  return [...records.values()];
}

/** The values that records have in a column, as SQL. */
function written(records: readonly Rec[], column: Column): readonly string[] {
  const isNumber = ['integer', 'bigint', 'numeric', 'double precision'].includes(column.type);
  const texts = records.slice(0, 6).flatMap((record) => {
    const value = record.values[column.name] ?? null;
    return value === null || typeof value === 'object' ? [] : [String(value)];
  });
  return [...new Set(texts)].map((text) => (isNumber ? text : `'${text.replaceAll("'", "''")}'`));
}

describe.each(stands)('$provider', (stand) => {
  test('never leaves out what belongs', async () => {
    const { config, close } = await stand.start();
    closers.push(close);
    const provider = await createRegistry().load(stand.provider);
    const kit = createKit({ connection: 'x', provider: stand.provider, log: silentLog, budget: unbounded });
    const session = provider.configure(config).open(kit);
    const filtered = filteredSession(session, pool);
    const described = await session.describe(signal);
    let [asked, narrowed] = [0, 0];
    for (const name of stand.tables) {
      const resource = described.find((each) => each.name === name);
      if (resource === undefined) throw new Error(`there is no table ${name}`);
      const all = await recordsOf(session, resource);
      await fc.assert(
        fc.asyncProperty(
          conditions(resource.columns, (column) => written(all, column)),
          async (text) => {
            const conditioned = { ...resource, filter: parseCondition(text, resource) };
            asked += 1;
            if ((session.narrowing?.(conditioned) ?? null) !== null) narrowed += 1;
            const fits = await belonging(pool, resource, conditioned.filter, all);
            const belong = all.filter((_, index) => fits[index] === true).map((record) => record.key);
            const came = new Set((await recordsOf(session, conditioned)).map((record) => record.key));
            const missing = belong.filter((key) => !came.has(key));
            expect({
              missing,
              asked: session.narrowing?.(conditioned),
              sql: conditionSql(conditioned.filter, resource, 't'),
            }).toMatchObject({ missing: [] });
            expect((await recordsOf(filtered, conditioned)).map((record) => record.key).sort()).toEqual(belong.sort());
          },
        ),
        { numRuns: 60, seed: 5 },
      );
    }
    expect(narrowed / asked).toBeGreaterThan(stand.narrowed / 100);
  });
});
