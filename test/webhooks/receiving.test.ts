/** What the receiver takes and what it refuses, and what deliveries leave behind. */
import { createHmac } from 'node:crypto';
import { Agent, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signature } from '../../fixtures/stripe/index.js';
import { waitFor } from '../support/wait.js';
import { isIdle } from './idle.js';
import { startWorld, type World } from './world.js';

let world: World;
let secret = '';
/** A connection for each request: one that was kept may be closed just when it is used again. */
const single = new Agent();

beforeAll(async () => {
  world = await startWorld(['stripe', 'airtable'], { oneListener: true });
  await waitFor('the hook', () => world.sandboxes.stripe.webhookEndpoints.length > 0);
  secret = world.sandboxes.stripe.webhookEndpoints[0]?.secret ?? '';
  await waitFor('it to be live', async () => (await count(`webhooks where state = 'live'`)) === 2);
});
afterAll(async () => {
  single.destroy();
  await world?.stop();
});

async function count(from: string): Promise<number> {
  const found = await world.own.query<{ n: number }>(`select count(*)::int as n from upwrite.${from}`);
  return found.rows[0]?.n ?? 0;
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

function post(
  name: string,
  body: string | Buffer,
  headers: Readonly<Record<string, string>>,
  agent = single,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(world.url(name), { method: 'POST', agent, headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (part: string) => {
        text += part;
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: text }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

function eventOf(id: string, customer: string): string {
  return JSON.stringify({
    id,
    object: 'event',
    type: 'customer.updated',
    data: { object: { id: customer, object: 'customer' } },
  });
}

function signed(body: string, at = Date.now(), key = secret): Readonly<Record<string, string>> {
  return { 'stripe-signature': signature(key, body, Math.floor(at / 1000)) };
}

const refused: Answer = { status: 401, body: 'not accepted\n' };
const taken: Answer = { status: 200, body: '' };

/** Requests to the API for a customer. */
function reads(customer: string): number {
  return world.sandboxes.stripe.requests.list().filter(({ path }) => path.startsWith(`/v1/customers/${customer}`))
    .length;
}

describe('the same refusal', () => {
  const body = eventOf('evt_refused', 'cus_refused');
  test.each<[string, () => Promise<Answer>]>([
    ['an unknown connection', () => post('nobody', body, signed(body))],
    ['a connection without webhooks', () => post('', body, signed(body))],
    ['no signature', () => post('stripe', body, {})],
    ['another secret', () => post('stripe', body, signed(body, Date.now(), 'whsec_other'))],
    ['another body', () => post('stripe', `${body} `, signed(body))],
    ['a signature of six minutes ago', () => post('stripe', body, signed(body, Date.now() - 360_000))],
    ['a signed body that is no event', () => post('stripe', '{}', signed('{}'))],
    ['a ping of a hook that is not known', () => post('airtable', ping('achUnknown'), mac(ping('achUnknown'), ''))],
    ['an unsigned ping', () => post('airtable', ping('achUnknown'), {})],
  ])('%s', async (_, send) => {
    expect(await send()).toEqual(refused);
    expect(await count(`stale_keys where key = 'cus_refused'`)).toBe(0);
  });

  test('other methods and other paths', async () => {
    expect((await fetch(world.url('stripe'))).status).toBe(405);
    expect((await fetch(world.url('stripe').replace('/webhooks/', '/'), { method: 'POST' })).status).toBe(404);
  });
});

function ping(hook: string): string {
  return JSON.stringify({ base: { id: 'appX' }, webhook: { id: hook }, timestamp: new Date().toISOString() });
}

function mac(body: string, key: string): Readonly<Record<string, string>> {
  const digest = createHmac('sha256', Buffer.from(key, 'base64')).update(body).digest('hex');
  return { 'x-airtable-content-mac': `hmac-sha256=${digest}` };
}

test('a body beyond the bound is not read', async () => {
  const body = Buffer.alloc(1024 * 1024 + 1, 0x20);
  const answer = await post('stripe', body, signed(body.toString())).catch(() => ({ status: 413, body: '' }));
  expect(answer.status).toBe(413);
  expect(await post('stripe', eventOf('evt_after', 'cus_none'), signed(eventOf('evt_after', 'cus_none')))).toEqual(
    taken,
  );
});

/** Until nothing is read because of what was delivered before, or because a hook is new. */
async function quiet(): Promise<void> {
  await waitFor('nothing to do', async () => {
    const waiting = (await count('stale_keys')) + (await count('webhook_expectations'));
    return waiting === 0 && (await isIdle(world.own));
  });
}

test('a replayed delivery does nothing more', async () => {
  await quiet();
  const [customer] = world.sandboxes.stripe.records('customers');
  const id = customer?.id ?? '';
  const body = eventOf('evt_replayed', id);
  const headers = signed(body);
  const before = reads(id);
  expect(await post('stripe', body, headers)).toEqual(taken);
  await waitFor('the record to be read', () => reads(id) > before);
  await waitFor('the queue to be empty', async () => (await count('stale_keys')) === 0);
  const after = reads(id);
  const notes = await count('webhook_deliveries');
  for (let i = 0; i < 5; i += 1) expect(await post('stripe', body, headers)).toEqual(taken);
  // Stripe sends an event again under a new signature.
  expect(await post('stripe', body, signed(body, Date.now() + 1000))).toEqual(taken);
  expect(await count('webhook_deliveries')).toBe(notes);
  expect(await count('stale_keys')).toBe(0);
  expect(reads(id)).toBe(after);
});

test('events out of order, and of what was deleted meanwhile, end with what the API has', async () => {
  const { stripe } = world.sandboxes;
  const { id } = stripe.create('customers', { name: 'Yueh' });
  stripe.remove('customers', id);
  await stripe.delivered();
  const late = eventOf('evt_late', id);
  expect(await post('stripe', late, signed(late))).toEqual(taken);
  await waitFor(
    'the queues to be empty',
    async () => (await count('stale_keys')) + (await count('webhook_expectations')) === 0,
  );
  const found = await world.client.query('select from stripe.customers where id = $1', [id]);
  expect(found.rowCount).toBe(0);
});

test('a record that the API does not show yet is read again a little later', async () => {
  const { stripe } = world.sandboxes;
  await quiet();
  const missing = { error: { type: 'invalid_request_error', code: 'resource_missing', message: 'No such customer' } };
  const fault = stripe.faults.add({
    method: 'GET',
    path: '/v1/customers/*',
    action: { kind: 'respond', status: 404, body: missing },
    times: 2,
  });
  const { id } = stripe.create('customers', { name: 'Late' });
  await waitFor('the row', async () => {
    const found = await world.client.query('select from stripe.customers where id = $1', [id]);
    return found.rowCount === 1;
  });
  expect(fault.hits).toBe(2);
  // Found at the third; the last look, which is due after it, may have begun by now.
  expect([3, 4]).toContain(reads(id));
});

test('ten thousand deliveries are a row for each record, and few readings', async () => {
  const { stripe } = world.sandboxes;
  const ids = stripe.records('customers').map(({ id }) => id);
  for (const id of ids) stripe.update('customers', id, { description: 'before the storm' });
  await stripe.delivered();
  let most = 0;
  let done = false;
  const watching = (async () => {
    while (!done) most = Math.max(most, await count('stale_keys'));
  })();
  const began = stripe.requests.list().at(-1)?.id ?? 0;
  const kept = new Agent({ keepAlive: true, maxSockets: 64 });
  const statuses = new Map<number, number>();
  let next = 0;
  const sender = async (): Promise<void> => {
    for (;;) {
      const number = next;
      next += 1;
      if (number >= 10_000) return;
      const body = eventOf(`evt_storm_${number}`, ids[number % ids.length] ?? '');
      const { status } = await post('stripe', body, signed(body), kept);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: 64 }, sender));
  done = true;
  kept.destroy();
  await watching;
  expect([...statuses]).toEqual([[200, 10_000]]);
  expect(most).toBeLessThanOrEqual(ids.length);
  await waitFor('the queue to be empty', async () => (await count('stale_keys')) === 0, 60_000);
  const requests = stripe.requests.list().filter(({ id }) => id > began).length;
  expect(requests).toBeLessThan(5000);
  const changed = await world.client.query(`select from stripe.customers where description = 'before the storm'`);
  expect(changed.rowCount).toBe(ids.length);
});

test('what came is counted, by what became of it, on the listener of health and metrics', async () => {
  const address = world.url('').replace('/webhooks/', '');
  const metrics = await (await fetch(`${address}/metrics`)).text();
  const count = (connection: string, outcome: string): number =>
    Number(
      new RegExp(
        `^upwrite_webhook_deliveries_total\\{connection="${connection}",outcome="${outcome}"\\} (\\d+)$`,
        'm',
      ).exec(metrics)?.[1],
    );
  expect(count('', 'unknown')).toBe(2);
  expect(count('stripe', 'unauthentic')).toBe(4);
  expect(count('stripe', 'unreadable')).toBe(1);
  expect(count('airtable', 'unauthentic')).toBe(2);
  expect(count('stripe', 'known')).toBe(6);
  expect(count('stripe', 'new')).toBeGreaterThan(10_000);
  const reread = /^upwrite_reread_delay_seconds_count\{provider="stripe"\} (\d+)$/m.exec(metrics)?.[1];
  expect(Number(reread)).toBeGreaterThan(0);
  expect((await fetch(`${address}/healthz`)).status).toBe(200);
});
