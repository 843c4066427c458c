/** A change upstream, told by a webhook alone, in a SELECT through Upwrite: for each API that has webhooks. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createIssue, deleteRecord, updateIssue } from '../../fixtures/github/changes.js';
import { waitFor } from '../support/wait.js';
import { startWorld, type World } from './world.js';

let world: World;

beforeAll(async () => {
  world = await startWorld(['stripe', 'github', 'hubspot', 'airtable']);
  await waitFor('the hooks', async () => (await live()).length === 5).catch(async (error: unknown) => {
    throw new Error(JSON.stringify((await world.own.query('select * from upwrite.webhooks')).rows), { cause: error });
  });
});
afterAll(() => world?.stop());

/** The hooks that deliver, or are set up by hand. */
async function live(): Promise<readonly Record<string, unknown>[]> {
  const found = await world.own.query<Record<string, unknown>>(
    `select connection, scope, state, url from upwrite.webhooks where state in ('live', 'by hand') order by 1, 2`,
  );
  return found.rows;
}

async function rows(sql: string, ...values: unknown[]): Promise<readonly Record<string, unknown>[]> {
  return (await world.client.query<Record<string, unknown>>(sql, values)).rows;
}

async function until(expected: readonly Record<string, unknown>[], sql: string, ...values: unknown[]): Promise<void> {
  const wanted = JSON.stringify(expected);
  let seen = '';
  try {
    await waitFor('the row', async () => {
      seen = JSON.stringify(await rows(sql, ...values));
      return seen === wanted;
    });
  } catch {
    expect(JSON.parse(seen)).toEqual(expected);
  }
}

describe('registered at the start', () => {
  test('one hook in each account, repository and base, and none where it is done by hand', async () => {
    expect(await live()).toEqual([
      { connection: 'airtable', scope: expect.stringMatching(/^app/), state: 'live', url: world.url('airtable') },
      { connection: 'github', scope: 'caladan/harvester', state: 'live', url: world.url('github') },
      { connection: 'github', scope: 'caladan/stillsuit', state: 'live', url: world.url('github') },
      { connection: 'hubspot', scope: '', state: 'by hand', url: world.url('hubspot') },
      { connection: 'stripe', scope: '', state: 'live', url: world.url('stripe') },
    ]);
    expect(world.sandboxes.stripe.webhookEndpoints.map(({ url, types }) => ({ url, types }))).toEqual([
      {
        url: world.url('stripe'),
        types: expect.arrayContaining(['customer.created', 'customer.updated', 'customer.deleted', 'product.updated']),
      },
    ]);
    expect(world.sandboxes.github.hooks.map(({ url, events }) => ({ url, events }))).toEqual(
      Array(2).fill({ url: world.url('github'), events: ['issue_comment', 'issues', 'label'] }),
    );
  });

  test('no secret is in the database as it is', async () => {
    const { rows: details } = await world.own.query<{ secret: string | null }>(
      'select secret from upwrite.webhook_details',
    );
    const secrets = [...world.sandboxes.stripe.webhookEndpoints, ...world.sandboxes.github.hooks].map(
      (each) => each.secret,
    );
    expect(details).toHaveLength(4);
    for (const { secret } of details) {
      expect(secret).toMatch(/^1\.[0-9a-f]{12}\./);
      for (const plain of secrets) expect(secret).not.toContain(plain);
    }
  });

  test('GitHub’s ping was accepted', async () => {
    await world.sandboxes.github.delivered();
    const pings = world.sandboxes.github.deliveries.filter(({ event }) => event === 'ping');
    expect(pings.map(({ status }) => status)).toEqual([200, 200]);
  });
});

test('Stripe', async () => {
  const { stripe } = world.sandboxes;
  const { id } = stripe.create('customers', { name: 'Duncan Idaho', email: 'duncan@caladan.io' });
  const sql = 'select name, email from stripe.customers where id = $1';
  await until([{ name: 'Duncan Idaho', email: 'duncan@caladan.io' }], sql, id);
  stripe.update('customers', id, { name: 'Hayt' });
  await until([{ name: 'Hayt', email: 'duncan@caladan.io' }], sql, id);
  stripe.remove('customers', id);
  await until([], sql, id);
});

test('GitHub', async () => {
  const { github } = world.sandboxes;
  const actor = github.colleague;
  const [repository] = github.hub.repositories;
  if (repository === undefined) throw new Error('no repository');
  const issue = createIssue(actor, repository, 'A worm', '', {});
  const sql = 'select title, state from github.issues where id = $1';
  await until([{ title: 'A worm', state: 'open' }], sql, issue.id);
  updateIssue(actor, issue, { title: 'A big worm' });
  await until([{ title: 'A big worm', state: 'open' }], sql, issue.id);
  deleteRecord(actor, issue);
  await until([], sql, issue.id);
});

test('HubSpot', async () => {
  const { hubspot } = world.sandboxes;
  const id = hubspot.upsert('contacts', { email: 'liet@sietch.example', firstname: 'Liet' });
  const sql = 'select firstname from hubspot.contacts where id = $1';
  await until([{ firstname: 'Liet' }], sql, id);
  hubspot.upsert('contacts', { firstname: 'Liet-Kynes' }, id);
  await until([{ firstname: 'Liet-Kynes' }], sql, id);
  hubspot.archive('contacts', id);
  await until([], sql, id);
  hubspot.restore('contacts', id);
  await until([{ firstname: 'Liet-Kynes' }], sql, id);
});

test('Airtable, whose pings say nothing', async () => {
  const { airtable } = world.sandboxes;
  const ids = ['Chani', 'Stilgar', 'Jamis'].map((Name) => airtable.save('Caladan CRM', 'Contacts', { Name }));
  const sql = 'select name from airtable.contacts where id = any ($1) order by name';
  await until([{ name: 'Chani' }, { name: 'Jamis' }, { name: 'Stilgar' }], sql, ids);
  airtable.save('Caladan CRM', 'Contacts', { Name: 'Sihaya' }, ids[0] ?? '');
  airtable.delete('Caladan CRM', 'Contacts', ids[2] ?? '');
  await until([{ name: 'Sihaya' }, { name: 'Stilgar' }], sql, ids);
});

test('what was taken is counted', async () => {
  await waitFor('the counts', async () => {
    const found = await world.own.query<{ n: number }>(
      `select count(distinct connection)::int as n from upwrite.webhooks where deliveries > 0 and last_delivery_at is not null`,
    );
    return found.rows[0]?.n === 4;
  });
});

test('nothing is left in the queues', async () => {
  await waitFor('the queues to be empty', async () => {
    const found = await world.own.query<{ n: number }>(
      `select (select count(*) from upwrite_jobs.jobs where task_identifier in ('payloads', 'compare', 'reread'))::int
         + (select count(*) from upwrite.webhook_expectations)::int + (select count(*) from upwrite.stale_keys)::int as n`,
    );
    return found.rows[0]?.n === 0;
  });
});
