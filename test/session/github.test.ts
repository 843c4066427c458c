/** GitHub through a whole Upwrite: a throwaway Postgres, the sandbox, the real provider. The demo's tour, and more. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startGitHubDemo } from '../../fixtures/github/demo.js';
import type { Demo } from '../../fixtures/index.js';
import { parseConfig, parseDatabaseUrl } from '../../src/config/index.js';
import { type Running, serve } from '../../src/main/serve.js';
import { createRegistry } from '../../src/provider/index.js';
import { createLog } from '../../src/telemetry/index.js';
import { startTestPostgres } from '../support/postgres.js';

let demo: Demo;
let upwrite: Running;
let client: pg.Client;

beforeAll(async () => {
  const server = await startTestPostgres();
  demo = await startGitHubDemo();
  const text = JSON.stringify({ listen: '127.0.0.1:0', connections: { github: demo.connection } });
  upwrite = await serve({
    config: parseConfig(text, { file: 'test', environment: {} }).config,
    database: parseDatabaseUrl(server.upwriteUrl, '/'),
    registry: createRegistry(),
    log: createLog({ level: 'error', format: 'json' }),
    grant: { write: ['app'] },
  });
  await upwrite.sync.firstSync;
  client = new pg.Client(`postgres://app:app@127.0.0.1:${upwrite.proxy.port}/upwrite`);
  await client.connect();
});
afterAll(async () => {
  await client?.end();
  await upwrite?.stop();
  await demo?.sandbox.close();
});

interface Result {
  readonly rows: readonly Record<string, unknown>[];
  readonly error?: { readonly code: string | undefined; readonly detail: string | undefined };
  readonly requests: readonly string[];
}

async function run(sql: string): Promise<Result> {
  const seen = demo.sandbox.lastRequest();
  const requests = () => demo.sandbox.requestsSince(seen).map(({ method, path }) => `${method} ${path}`);
  try {
    const { rows } = await client.query<Record<string, unknown>>(sql);
    return { rows, requests: requests() };
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    return { rows: [], error: { code: error.code, detail: error.detail }, requests: requests() };
  }
}

const lookup = 'POST /graphql (query Lookup)';
const mutation = 'POST /graphql (mutation Write)';

test('the tour', async () => {
  const [select, insert, close, refusal, remove] = demo.sandbox.tour.map(({ sql }) => sql);
  const selected = await run(select ?? '');
  expect(selected.rows).toHaveLength(3);
  expect(selected.requests).toEqual([]);

  const inserted = await run(insert ?? '');
  expect(inserted.rows).toEqual([
    { repository: 'caladan/harvester', number: expect.any(Number), state: 'open' },
    { repository: 'caladan/stillsuit', number: 1, state: 'open' },
  ]);
  expect(inserted.requests).toEqual([lookup, mutation]);

  expect((await run(close ?? '')).requests).toEqual([mutation]);
  const closed = await run(`select state, state_reason from github.issues where title = 'Document the heel pumps'`);
  expect(closed.rows).toEqual([{ state: 'closed', state_reason: 'not_planned' }]);

  const refused = await run(refusal ?? '');
  expect(refused.error).toMatchObject({
    code: '22001',
    detail: expect.stringMatching(/is longer than 256 characters\.$/),
  });
  expect((await run(remove ?? '')).requests).toEqual([mutation]);
  const left = await run(
    `select from github.issues where title in ('Sandworm alarm is late', 'Document the heel pumps')`,
  );
  expect(left.rows).toEqual([]);
});

describe('statements', () => {
  test('a comment on each issue of a join', async () => {
    const { rows } = await run(`
      insert into github.issue_comments (repository, issue_number, body)
      select repository, number, 'Still true in ' || title from github.issues order by number limit 3
      returning issue_number, author, on_pull_request`);
    expect(rows).toHaveLength(3);
    expect(rows[0]).toMatchObject({ author: 'paul-atreides', on_pull_request: false });
  });

  test('some rows applied and some refused: the applied ones are in the table', async () => {
    const { error } = await run(`
      insert into github.labels (repository, name) values
        ('caladan/harvester', 'spice'), ('caladan/harvester', 'bug'), ('caladan/stillsuit', 'spice')`);
    expect(error).toMatchObject({ code: 'UW001', detail: expect.stringContaining('Key (name)=(bug) already exists.') });
    const { rows } = await run(`select repository, color from github.labels where name = 'spice' order by 1`);
    expect(rows).toEqual([
      { repository: 'caladan/harvester', color: 'ededed' },
      { repository: 'caladan/stillsuit', color: 'ededed' },
    ]);
  });

  test('labels as an array, changed in place', async () => {
    await run(
      `update github.issues set labels = array_append(labels, 'question') where repository = 'caladan/harvester' and number = 1`,
    );
    const { rows } = await run(
      `select labels from github.issues where repository = 'caladan/harvester' and number = 1`,
    );
    expect(rows[0]?.['labels']).toContain('question');
  });

  test('more rows than one request takes', async () => {
    const { error, requests } = await run(
      `insert into github.labels (repository, name) select 'caladan/harvester', 'l' || n from generate_series(1, 101) n`,
    );
    expect(error).toMatchObject({ code: '54000' });
    expect(requests).toEqual([]);
  });

  test('milestones and pull requests', async () => {
    const milestone = await run(`
      insert into github.milestones (repository, title, due_on)
      values ('caladan/harvester', 'Harvest 3', '2026-09-01') returning number, due_on::date::text`);
    expect(milestone.rows).toEqual([{ number: 3, due_on: expect.stringMatching(/^2026-0(8-31|9-01)$/) }]);
    const pull = await run(`
      insert into github.pull_requests (repository, title, base_branch, head_branch)
      values ('caladan/harvester', 'Mend', 'main', 'feature-9') returning id, state, is_draft`);
    expect(pull.rows).toMatchObject([{ state: 'open', is_draft: false }]);
    const gone = await run(`delete from github.pull_requests where title = 'Mend'`);
    expect(gone.error?.code).toBe('0A000');
  });
});
