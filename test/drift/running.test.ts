/** Schema drift under a running Upwrite: what changes in the APIs is in the tables, with no restart and nobody kept waiting. */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as airtable from '../../fixtures/airtable/index.js';
import * as hubspot from '../../fixtures/hubspot/index.js';
import { number, text as property } from '../../fixtures/hubspot/schema/property.js';
import * as salesforce from '../../fixtures/salesforce/index.js';
import { field, text } from '../../fixtures/salesforce/schema/fields.js';
import { parseConfig, parseDatabaseUrl } from '../../src/config/index.js';
import { type Running, serve } from '../../src/main/serve.js';
import { createRegistry } from '../../src/provider/index.js';
import { createLog } from '../../src/telemetry/index.js';
import { connect, eventually } from '../support/database.js';
import { startTestPostgres } from '../support/postgres.js';

let crm: salesforce.SalesforceSandbox;
let bases: airtable.AirtableSandbox;
let hub: hubspot.HubspotSandbox;
const running: Running[] = [];
let client: pg.Client;
const log: string[] = [];

beforeAll(async () => {
  const server = await startTestPostgres();
  crm = await salesforce.startSalesforceSandbox({ contacts: 30, accounts: 5, invoiceItems: 2 });
  bases = await airtable.startAirtableSandbox({ contacts: 12, companies: 4, others: 2, rateLimits: false });
  hub = await hubspot.startHubspotSandbox({
    contacts: 10,
    companies: 2,
    others: 2,
    searchesPerSecond: 1000,
    requestsPerTenSeconds: 100_000,
  });
  const { clientId, clientSecret, refreshToken } = crm.settings;
  const config = {
    listen: '127.0.0.1:0',
    sync: { interval: '1s' },
    connections: {
      salesforce: {
        provider: 'salesforce',
        tables: ['contacts'],
        auth: {
          kind: 'refresh_token',
          client_id: clientId,
          client_secret: clientSecret,
          refresh_token: refreshToken,
          login_url: crm.url,
        },
      },
      airtable: {
        provider: 'airtable',
        tables: ['caladan_crm_contacts'],
        auth: { kind: 'personal_access_token', token: airtable.DEFAULT_CREDENTIALS.personalAccessToken },
        endpoint_url: bases.url,
        requests_per_second: 50,
      },
      hubspot: {
        provider: 'hubspot',
        tables: ['contacts'],
        auth: { kind: 'private_app', access_token: hubspot.DEFAULT_CREDENTIALS.privateAppToken },
        base_url: hub.url,
      },
    },
  };
  // Two processes on one database; the second has its own catalog, sessions and clock of looks.
  for (let i = 0; i < 2; i += 1) {
    running.push(
      await serve({
        config: parseConfig(JSON.stringify(config), { file: 'test', environment: {} }).config,
        database: parseDatabaseUrl(server.upwriteUrl, '/'),
        registry: createRegistry(),
        log: createLog({ level: 'warn', format: 'json', sink: { write: (line) => log.push(line) } }),
        grant: { write: ['app'] },
        drift: { interval: 300, soonest: 100, again: 200 },
      }),
    );
  }
  await Promise.all(running.map((each) => each.sync.firstSync));
  client = await connect(`postgres://app:app@127.0.0.1:${running[1]?.proxy.port}/upwrite`);
});

afterAll(async () => {
  await client.end();
  await Promise.all(running.map((each) => each.stop()));
  await Promise.all([crm.close(), bases.close(), hub.close()]);
});

/** The first column of the query's first row, once it is the wanted one; a column that is not there yet is waited for. */
async function untilShows(sql: string, wanted: unknown): Promise<void> {
  let last: unknown;
  await eventually(async () => {
    const result = await client.query({ text: sql, rowMode: 'array' }).catch((error: unknown) => error);
    last = result instanceof pg.Result ? (result.rows[0]?.[0] ?? null) : result;
    return last === wanted ? true : undefined;
  }).catch(() => undefined);
  expect(last).toEqual(wanted);
}

/** Writes one row once the process that the client talks to knows of the change: the catalog's watch tells it. */
async function untilWritten(sql: string, ...values: unknown[]): Promise<void> {
  let last: unknown;
  await eventually(async () => {
    const result = await client.query(sql, values).catch((error: unknown) => error);
    last = result instanceof pg.Result ? result.rowCount : result;
    return last === 1 ? true : undefined;
  }).catch(() => undefined);
  expect(last).toBe(1);
}

test('a field that appears is filled in everywhere while others read and write, and can be written', async () => {
  let stop = false;
  let rounds = 0;
  const busy = (async () => {
    const other = await connect(`postgres://app:app@127.0.0.1:${running[0]?.proxy.port}/upwrite`);
    while (!stop) {
      await other.query('SELECT count(*) FROM salesforce.contacts');
      const done = await other.query(
        `UPDATE salesforce.contacts SET department = 'D${rounds}' WHERE id = (SELECT min(id) FROM salesforce.contacts)`,
      );
      if (done.rowCount !== 1) throw new Error('the update found no row');
      rounds += 1;
    }
  })();
  crm.changeField('Contact', 'Nickname__c', text('Nickname__c', 'Nickname', 40), 'Nick');
  await untilShows("SELECT count(*) FILTER (WHERE nickname = 'Nick') = count(*) FROM salesforce.contacts", true);
  stop = true;
  await busy;
  expect(rounds).toBeGreaterThan(0);
  const id = (await client.query<{ id: string }>('SELECT max(id) AS id FROM salesforce.contacts')).rows[0]?.id;
  await untilWritten("UPDATE salesforce.contacts SET nickname = 'Muad''Dib' WHERE id = $1", id);
  expect(crm.records('Contact').find((record) => record['Id'] === id)).toMatchObject({ Nickname__c: "Muad'Dib" });
  const state = await client.query("SELECT state FROM upwrite.tables WHERE connection = 'salesforce'");
  expect(state.rows).toEqual([{ state: 'live' }]);
});

test('a type that widens keeps its column, and takes the new values', async () => {
  const many = field('multipicklist', 'Nickname__c', 'Nicknames', { picklist: ['Usul', 'Muad'], length: 4099 });
  crm.changeField('Contact', 'Nickname__c', many, 'Usul;Muad');
  await untilShows("SELECT bool_and(nickname = '{Usul,Muad}') FROM salesforce.contacts", true);
  const names = await client.query("SELECT FROM pg_attribute WHERE attname LIKE 'nickname_old%'");
  expect(names.rowCount).toBe(0);
});

test('a field that is gone keeps its values, cannot be written any more, and does not stop the table', async () => {
  const kept = await client.query<{ n: string }>('SELECT count(department) AS n FROM salesforce.contacts');
  crm.changeField('Contact', 'Department', null);
  await untilShows(
    "SELECT array_to_string(notes, ' ') LIKE '%column \"department\" is no longer synced%' FROM upwrite.tables WHERE connection = 'salesforce'",
    true,
  );
  await eventually(async () => {
    const refused = await client
      .query("UPDATE salesforce.contacts SET department = 'x'")
      .catch((error: unknown) => error);
    return refused instanceof pg.DatabaseError && refused.code === '428C9' ? true : undefined;
  });
  expect((await client.query('SELECT count(department) AS n FROM salesforce.contacts')).rows).toEqual(kept.rows);
  const made = crm.upsert('Contact', { LastName: 'Later' });
  await untilShows(`SELECT count(*)::int FROM salesforce.contacts WHERE id = '${made}'`, 1);
});

test('a field that somebody renames in Airtable keeps its column and its values', async () => {
  const place = ['Caladan CRM', 'Contacts'] as const;
  const id = bases.fieldId(...place, 'Email');
  const before = await client.query('SELECT id, email FROM airtable.caladan_crm_contacts ORDER BY id');
  bases.changeField(...place, id, { id, name: 'E-mail address', type: 'email' });
  bases.changeField(...place, 'fldNew', { id: 'fldNewAAAAAAAAAAA', name: 'Email', type: 'email' });
  await untilShows(
    "SELECT col_description('airtable.caladan_crm_contacts'::regclass, (SELECT attnum FROM pg_attribute WHERE attrelid = 'airtable.caladan_crm_contacts'::regclass AND attname = 'email'))",
    'E-mail address',
  );
  expect((await client.query('SELECT id, email FROM airtable.caladan_crm_contacts ORDER BY id')).rows).toEqual(
    before.rows,
  );
  // The new field of that name has a column of its own.
  await untilShows('SELECT count(email_2)::int FROM airtable.caladan_crm_contacts', 0);
  await untilWritten(
    "UPDATE airtable.caladan_crm_contacts SET email_2 = 'second@dune.io' WHERE id = $1",
    before.rows[0]?.id,
  );
  expect(bases.records(...place).find((record) => record['id'] === before.rows[0]?.id)?.['fields']).toMatchObject({
    Email: 'second@dune.io',
  });
});

test('a property of HubSpot appears, and changes its type', async () => {
  hub.changeProperty('contacts', 'spice_level', property('spice_level', 'Spice level'));
  await untilShows('SELECT count(spice_level)::int FROM hubspot.contacts', 0);
  await untilWritten(
    "UPDATE hubspot.contacts SET spice_level = '12' WHERE id = (SELECT min(id) FROM hubspot.contacts)",
  );
  await client.query("UPDATE hubspot.contacts SET spice_level = '7' WHERE id = (SELECT max(id) FROM hubspot.contacts)");
  hub.changeProperty('contacts', 'spice_level', number('spice_level', 'Spice level'));
  await untilShows('SELECT pg_typeof(spice_level)::text FROM hubspot.contacts LIMIT 1', 'numeric');
  await untilShows(
    "SELECT string_agg(spice_level_old_1, ' ' ORDER BY spice_level_old_1) FROM hubspot.contacts",
    '12 7',
  );
  await untilShows("SELECT spice_level::int FROM hubspot.contacts WHERE spice_level_old_1 = '7'", 7);
});
