/** The tour's last part: changes that somebody makes in the APIs, and how soon a SELECT shows them. */
import pg from 'pg';
import type { Sandboxes } from '../../fixtures/index.js';
import { answerOf } from './tour.js';

export interface WebhookTourOptions {
  /** Of a client, through Upwrite. */
  readonly url: string;
  /** Of Upwrite's own role, to see when its webhooks are registered. */
  readonly ownUrl: string;
  readonly sandboxes: Sandboxes;
  readonly out: (line: string) => void;
  /** Ends the tour before its time. */
  readonly stop: Promise<unknown>;
}

/** Milliseconds to wait for webhooks to be registered, and for a change to arrive. */
const patience = 15_000;
const between = 5;

export async function showWebhooks(options: WebhookTourOptions): Promise<void> {
  let stopped = false;
  void options.stop.then(() => {
    stopped = true;
  });
  const until = async (condition: () => Promise<boolean>): Promise<boolean> => {
    const end = performance.now() + patience;
    while (!stopped && performance.now() < end) {
      if (await condition()) return true;
      await new Promise((resolve) => setTimeout(resolve, between));
    }
    return false;
  };
  const changes = options.sandboxes.all.filter(({ outside }) => outside !== undefined);
  await withClient(options.ownUrl, (own) => until(() => areRegistered(own, changes.length)));
  await withClient(options.url, async (client) => {
    for (const { outside } of changes) {
      if (outside === undefined || stopped) continue;
      options.out(`-- ${outside.title}; a webhook tells of it`);
      const sql = outside.make();
      const began = performance.now();
      const arrived = await until(async () => ((await client.query(sql)).rowCount ?? 0) > 0);
      const millis = Math.round(performance.now() - began);
      options.out(sql);
      options.out(await answerOf(client, sql));
      options.out(arrived ? `   → visible ${millis} ms after the change` : `   → not yet visible after ${millis} ms`);
      options.out('');
      outside.undo();
    }
  });
}

/** Whether so many connections have their webhooks. */
async function areRegistered(own: pg.Client, connections: number): Promise<boolean> {
  const found = await own.query<{ all: boolean }>(
    `SELECT count(DISTINCT connection) >= $1 AND bool_and(state IN ('live', 'by hand')) AS all FROM upwrite.webhooks`,
    [connections],
  );
  return found.rows[0]?.all === true;
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(url);
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
