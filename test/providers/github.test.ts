/** What only GitHub has: its tables, mutations of several kinds, lookups, limits and tokens, against the project's sandbox. */
import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createIssue, updateIssue } from '../../fixtures/github/changes.js';
import { CREDENTIALS, type GitHubSandbox, githubFaults, startGitHubSandbox } from '../../fixtures/github/index.js';
import {
  type Batch,
  createKit,
  createRegistry,
  type JsonValue,
  type KitLog,
  LocalBudget,
  type Outcome,
  type Resource,
  type Session,
  silentLog,
  type Values,
  type Verb,
} from '../../src/provider/index.js';

const signal = new AbortController().signal;
const repository = 'caladan/harvester';

let sandbox: GitHubSandbox;

beforeAll(async () => {
  sandbox = await startGitHubSandbox({ issues: 4, pulls: 2, comments: 3 });
});
afterAll(() => sandbox.close());
beforeEach(() => sandbox.reset());

const auths = (): Readonly<Record<string, Record<string, string>>> => ({
  token: { token: CREDENTIALS.token },
  app: {
    app_id: CREDENTIALS.appId,
    installation_id: CREDENTIALS.installationId,
    private_key: sandbox.settings.privateKey,
  },
  refresh_token: {
    client_id: CREDENTIALS.clientId,
    client_secret: CREDENTIALS.clientSecret,
    refresh_token: CREDENTIALS.refreshToken,
    login_url: sandbox.url,
  },
});

interface Options {
  readonly kind?: string;
  readonly auth?: Record<string, unknown>;
  readonly config?: Record<string, unknown>;
  readonly log?: KitLog;
  readonly budget?: LocalBudget;
}

async function open({ kind = 'token', auth = {}, config = {}, log = silentLog, budget }: Options = {}) {
  const provider = await createRegistry().load('github');
  const kit = createKit({
    connection: 'code',
    provider: 'github',
    log,
    ...(budget === undefined ? {} : { budget }),
  });
  return provider
    .configure({
      auth: { kind, ...auths()[kind], ...auth },
      base_url: sandbox.url,
      owners: ['caladan'],
      delete_repositories: true,
      ...config,
    })
    .open(kit);
}

async function tableOf(session: Session, name: string): Promise<Resource> {
  const found = (await session.describe(signal)).find((resource) => resource.name === name);
  if (found === undefined) throw new Error(`there is no table ${name}`);
  return found;
}

type Row = { readonly key?: string; readonly values?: Values };

function batch(resource: Resource, verb: Verb, rows: readonly Row[], patience = 5000): Batch {
  return {
    verb,
    resource,
    rows: rows.map(({ key = null, values = {} }, index) => ({ key, values, idempotencyKey: `gh-${index}` })),
    deadline: Date.now() + patience,
  };
}

async function write(session: Session, table: string, verb: Verb, rows: readonly Row[], patience = 5000) {
  const resource = await tableOf(session, table);
  return session.write(batch(resource, verb, rows, patience), signal);
}

function applied(outcome: Outcome | undefined): { readonly key: string; readonly values: Values } {
  if (outcome?.kind === 'applied') return outcome.record;
  throw new Error(JSON.stringify(outcome));
}

function kinds(outcomes: readonly Outcome[]): readonly string[] {
  return outcomes.map((outcome) => (outcome.kind === 'applied' ? 'applied' : outcome.fault.code));
}

/** Writes one row and gives what the table has of it afterwards, which must agree with what was told. */
async function one(session: Session, table: string, verb: Verb, row: Row): Promise<Values> {
  const { outcomes } = await write(session, table, verb, [row]);
  const told = applied(outcomes[0]);
  const [read] = await session.read(await tableOf(session, table), [told.key], signal);
  expect(read?.values).toMatchObject(told.values);
  return read?.values ?? {};
}

async function all(session: Session, table: string): Promise<ReadonlyMap<string, Values>> {
  const rows = new Map<string, Values>();
  for await (const page of session.pull(await tableOf(session, table), null, signal)) {
    for (const { key, values } of page.records) rows.set(key, values);
  }
  return rows;
}

describe('tables', () => {
  it.each([
    ['repositories', () => sandbox.hub.repositories.filter(({ owner }) => owner.login === 'caladan').length],
    ['issues', () => sandbox.hub.issues.length],
    ['pull_requests', () => sandbox.hub.pulls.length],
    ['issue_comments', () => sandbox.hub.comments.length],
    ['labels', () => sandbox.hub.labels.filter(({ repository: home }) => home.owner.login === 'caladan').length],
    ['milestones', () => sandbox.hub.milestones.length],
  ])('%s are listed as they are read one by one', async (table, count) => {
    const session = await open({ config: { page_size: 3 } });
    const listed = await all(session, table);
    expect(listed.size).toBe(count());
    const keys = [...listed.keys()];
    const read = await session.read(await tableOf(session, table), keys, signal);
    expect(new Map(keys.map((key, index) => [key, read[index]?.values]))).toEqual(listed);
    const columns = (await tableOf(session, table)).columns.map(({ name }) => name);
    for (const values of listed.values()) expect(Object.keys(values).sort()).toEqual([...columns].sort());
  });

  it('are those of the named repositories only', async () => {
    const session = await open({ config: { owners: [], repositories: ['paul-atreides/dotfiles', 'caladan/none'] } });
    const repositories = [...(await all(session, 'repositories')).values()];
    expect(repositories.map(({ full_name }) => full_name)).toEqual(['paul-atreides/dotfiles']);
    expect((await tableOf(session, 'repositories')).writes.insert).toBeUndefined();
    expect((await all(session, 'issues')).size).toBe(0);
  });

  it('an owner that is not there makes the listing fail: nothing must look deleted', async () => {
    const session = await open({ config: { owners: ['harkonnen'] } });
    await expect(all(session, 'issues')).rejects.toMatchObject({
      fault: { context: expect.stringContaining('no owner "harkonnen"') },
    });
  });

  it('repositories are deleted only where the configuration allows it', async () => {
    const session = await open({ config: { delete_repositories: false } });
    expect((await tableOf(session, 'repositories')).writes.delete).toBeUndefined();
    const { outcomes } = await write(session, 'repositories', 'delete', [{ key: 'R_1' }]);
    expect(kinds(outcomes)).toEqual(['verb_not_offered']);
  });
});

describe('changes since', () => {
  it.each(['pull_requests', 'milestones', 'issue_comments'])(
    '%s: what changed, and no more than need be asked',
    async (table) => {
      const session = await open({ config: { page_size: 2 } });
      const resource = await tableOf(session, table);
      let cursor: JsonValue = null;
      const follow = async (): Promise<readonly string[]> => {
        const keys: string[] = [];
        for await (const page of session.pull(resource, cursor, signal)) {
          keys.push(...page.records.map(({ key }) => key));
          cursor = page.next;
        }
        return keys;
      };
      expect((await follow()).length).toBeGreaterThan(0);
      sandbox.clock.advance(600_000);
      expect(await follow()).toEqual([]);
      sandbox.clock.advance(600_000);
      const now = sandbox.hub.now();
      const records = {
        pull_requests: sandbox.hub.pulls,
        milestones: sandbox.hub.milestones,
        issue_comments: sandbox.hub.comments,
      };
      const [record] = records[table as keyof typeof records];
      if (record === undefined) throw new Error('there is no record');
      record.updatedAt = now;
      expect(await follow()).toEqual([record.id]);
    },
  );

  it('quiet repositories cost one question for all of them', async () => {
    const session = await open();
    const resource = await tableOf(session, 'issues');
    let cursor: JsonValue = null;
    for await (const page of session.pull(resource, null, signal)) cursor = page.next;
    sandbox.clock.advance(600_000);
    const before = sandbox.requests.list().length;
    for await (const page of session.pull(resource, cursor, signal)) expect(page.last).toBe(true);
    const labels = sandbox.requests
      .list()
      .slice(before)
      .map(({ label }) => label);
    expect(labels).toEqual(['query Owned', 'query Probe']);
  });
});

describe('writes of each table', () => {
  it('issues: closed with a reason, edited, reopened, labelled, deleted', async () => {
    const session = await open();
    const made = await one(session, 'issues', 'insert', {
      values: {
        repository,
        title: 'Sand in the gears',
        labels: ['bug'],
        assignees: ['lady-jessica'],
        milestone_number: 1,
      },
    });
    expect(made).toMatchObject({
      repository,
      state: 'open',
      state_reason: null,
      body: null,
      labels: ['bug'],
      assignees: ['lady-jessica'],
      milestone_number: 1,
      author: 'paul-atreides',
    });
    const key = String(made['id']);
    const closing = { state: 'closed', state_reason: 'duplicate', title: 'Sand' };
    expect(await one(session, 'issues', 'update', { key, values: closing })).toMatchObject(closing);
    const opening = { state: 'open', labels: ['question', 'wontfix'], milestone_number: null, assignees: null };
    expect(await one(session, 'issues', 'update', { key, values: opening })).toMatchObject({
      state: 'open',
      state_reason: 'reopened',
      labels: ['question', 'wontfix'],
      milestone_number: null,
      assignees: [],
    });
    expect(await one(session, 'issues', 'update', { key, values: { state: 'closed' } })).toMatchObject({
      state_reason: 'completed',
    });
    await write(session, 'issues', 'delete', [{ key }]);
    expect(sandbox.hub.find(key)).toBeUndefined();
  });

  it('comments: on issues and pull requests', async () => {
    const session = await open();
    const [pull] = sandbox.hub.pulls;
    for (const number of [1, pull?.number ?? 0]) {
      const values = { repository, issue_number: number, body: 'The spice must flow' };
      const made = await one(session, 'issue_comments', 'insert', { values });
      expect(made).toMatchObject({ ...values, on_pull_request: number !== 1 });
      const key = String(made['id']);
      expect(await one(session, 'issue_comments', 'update', { key, values: { body: 'b' } })).toMatchObject({
        body: 'b',
      });
      expect(kinds((await write(session, 'issue_comments', 'delete', [{ key }])).outcomes)).toEqual(['applied']);
    }
    const nowhere = await write(session, 'issue_comments', 'insert', [
      { values: { repository, issue_number: 999, body: 'x' } },
    ]);
    expect(nowhere.outcomes[0]).toMatchObject({ fault: { sqlstate: '23503', column: 'issue_number' } });
    const empty = await write(session, 'issue_comments', 'insert', [
      { values: { repository, issue_number: 1, body: '' } },
    ]);
    expect(empty.outcomes[0]).toMatchObject({ fault: { sqlstate: '23502', column: 'body' } });
  });

  it('labels: with GitHub’s colour unless given', async () => {
    const session = await open();
    const made = await one(session, 'labels', 'insert', { values: { repository, name: 'spice' } });
    expect(made).toMatchObject({ name: 'spice', color: 'ededed', description: null, is_default: false });
    const key = String(made['id']);
    const values = { name: 'melange', color: 'ff8800', description: 'x' };
    expect(await one(session, 'labels', 'update', { key, values })).toMatchObject(values);
    expect(await one(session, 'labels', 'update', { key, values: { description: null } })).toMatchObject({
      name: 'melange',
      description: null,
    });
    const refused = await write(session, 'labels', 'insert', [
      { values: { repository, name: 'Bug' } },
      { values: { repository, name: 'n', color: '#ff8800' } },
    ]);
    expect(refused.outcomes).toMatchObject([{ fault: { sqlstate: '23505' } }, { fault: { sqlstate: '22P02' } }]);
    expect(kinds((await write(session, 'labels', 'delete', [{ key }])).outcomes)).toEqual(['applied']);
  });

  it('pull requests: made from branches, turned into drafts, closed', async () => {
    const session = await open();
    const values = {
      repository,
      title: 'Mend it',
      base_branch: 'main',
      head_branch: 'caladan:feature-9',
      is_draft: true,
      maintainer_can_modify: false,
    };
    const made = await one(session, 'pull_requests', 'insert', { values });
    expect(made).toMatchObject({ ...values, head_branch: 'feature-9', state: 'open', head_repository: repository });
    const key = String(made['id']);
    const ready = { is_draft: false, labels: ['bug'], milestone_number: 1, title: 'Mended' };
    expect(await one(session, 'pull_requests', 'update', { key, values: ready })).toMatchObject(ready);
    expect(await one(session, 'pull_requests', 'update', { key, values: { is_draft: true } })).toMatchObject({
      is_draft: true,
    });
    expect(await one(session, 'pull_requests', 'update', { key, values: { state: 'closed' } })).toMatchObject({
      state: 'closed',
    });
    const refused = async (over: Values) =>
      (await write(session, 'pull_requests', 'insert', [{ values: { ...values, ...over } }])).outcomes[0];
    await one(session, 'pull_requests', 'update', { key, values: { state: 'open' } });
    expect(await refused({})).toMatchObject({ fault: { sqlstate: '23505', column: 'head_branch' } });
    expect(await refused({ head_branch: 'none' })).toMatchObject({
      fault: { sqlstate: '23503', column: 'head_branch' },
    });
    expect(await refused({ base_branch: 'none', head_branch: 'feature-8' })).toMatchObject({
      fault: { sqlstate: '23503', column: 'base_branch' },
    });
    const merging = await write(session, 'pull_requests', 'update', [{ key, values: { state: 'merged' } }]);
    expect(merging.outcomes[0]).toMatchObject({ fault: { sqlstate: '23514', column: 'state' } });
    expect((await write(session, 'pull_requests', 'delete', [{ key }])).outcomes[0]).toMatchObject({
      fault: { code: 'verb_not_offered' },
    });
  });

  it('milestones: one REST request a row', async () => {
    const session = await open();
    const values = { repository, title: 'v1', description: 'x', due_on: '2026-03-01T12:00:00+02:00', state: 'open' };
    const made = await one(session, 'milestones', 'insert', { values });
    expect(made).toMatchObject({ ...values, due_on: '2026-03-01T08:00:00Z', creator: 'paul-atreides' });
    const key = String(made['id']);
    const change = { title: 'v2', description: null, due_on: null, state: 'closed' };
    expect(await one(session, 'milestones', 'update', { key, values: change })).toMatchObject(change);
    const { outcomes, requests } = await write(session, 'milestones', 'delete', [{ key }]);
    expect(kinds(outcomes)).toEqual(['applied']);
    expect(requests.map(({ method, status }) => [method, status])).toEqual([['DELETE', 204]]);
    expect(kinds((await write(session, 'milestones', 'delete', [{ key }])).outcomes)).toEqual(['record_gone']);
  });

  it('milestones: it stops at the first refusal, and tells what was done', async () => {
    const session = await open();
    const titles = ['a', 'Harvest 1', 'c', 'd'];
    const rows = titles.map((title) => ({ values: { repository, title } }));
    const before = sandbox.hub.milestones.length;
    const { outcomes } = await write(session, 'milestones', 'insert', rows);
    expect(kinds(outcomes)).toEqual(['applied', 'duplicate', 'duplicate', 'duplicate']);
    expect(outcomes.map((outcome) => outcome.kind === 'rejected' && outcome.sibling === true)).toEqual([
      false,
      false,
      true,
      true,
    ]);
    expect(sandbox.hub.milestones.length).toBe(before + 1);
  });

  it('repositories: made, renamed, archived and taken out again, deleted', async () => {
    const session = await open();
    const values = { owner: 'caladan', name: 'guild', visibility: 'private', description: 'x', has_wiki: false };
    const made = await one(session, 'repositories', 'insert', { values });
    expect(made).toMatchObject({ ...values, full_name: 'caladan/guild', is_private: true, is_archived: false });
    const key = String(made['id']);
    const change = { name: 'spacing-guild', topics: ['spice', 'navigation'], is_archived: true, description: null };
    expect(await one(session, 'repositories', 'update', { key, values: change })).toMatchObject({
      ...change,
      topics: ['navigation', 'spice'],
      full_name: 'caladan/spacing-guild',
    });
    const again = { is_archived: false, has_issues: false };
    expect(await one(session, 'repositories', 'update', { key, values: again })).toMatchObject(again);
    const taken = await write(session, 'repositories', 'insert', [{ values: { ...values, name: 'harvester' } }]);
    expect(taken.outcomes[0]).toMatchObject({ fault: { sqlstate: '23505', column: 'name' } });
    const elsewhere = await write(session, 'repositories', 'insert', [
      { values: { ...values, owner: 'paul-atreides' } },
    ]);
    expect(elsewhere.outcomes[0]).toMatchObject({ fault: { sqlstate: '23503', column: 'owner' } });
    expect(kinds((await write(session, 'repositories', 'delete', [{ key }])).outcomes)).toEqual(['applied']);
    expect(sandbox.hub.find(key)).toBeUndefined();
  });
});

describe('one request a statement', () => {
  it('aliases the rows; what applied stays, what was refused says why', async () => {
    const session = await open();
    const titles = ['one', ' ', 'three', 'x'.repeat(300), 'five'];
    const rows = titles.map((title) => ({ values: { repository, title } }));
    const { outcomes, requests } = await write(session, 'issues', 'insert', rows);
    expect(kinds(outcomes)).toEqual(['applied', 'required_missing', 'applied', 'too_long', 'applied']);
    expect(requests.map(({ method, path }) => [method, path])).toEqual([
      ['POST', '/graphql'],
      ['POST', '/graphql'],
    ]);
    expect(sandbox.writes()).toBe(1);
    const newest = sandbox.hub.issues.slice(-3).map(({ title }) => title);
    expect(newest).toEqual(['one', 'three', 'five']);
  });

  it('names are looked up once and then known', async () => {
    const session = await open();
    const rows = [{ values: { repository, title: 't', labels: ['bug', 'question'], assignees: ['lady-jessica'] } }];
    const first = await write(session, 'issues', 'insert', rows);
    expect(first.requests).toHaveLength(2);
    const second = await write(session, 'issues', 'insert', rows);
    expect(second.requests).toHaveLength(1);
    const { key } = applied(second.outcomes[0]);
    const third = await write(session, 'issues', 'update', [{ key, values: { labels: ['bug'] } }]);
    expect(third.requests).toHaveLength(2);
    const fourth = await write(session, 'issues', 'update', [{ key, values: { labels: [] } }]);
    expect(fourth.requests).toHaveLength(1);
  });

  it('a name that is no longer good is looked up anew', async () => {
    const session = await open();
    const rows = [{ values: { repository, title: 't', labels: ['bug'] } }];
    await write(session, 'issues', 'insert', rows);
    const old = sandbox.hub.labels.find(({ name }) => name === 'bug');
    if (old === undefined) throw new Error('there is no label');
    sandbox.hub.remove(old);
    sandbox.hub.addLabel(old.repository, { name: 'bug', color: 'ffffff', description: null });
    expect(kinds((await write(session, 'issues', 'insert', rows)).outcomes)).toEqual(['bad_reference']);
    expect(kinds((await write(session, 'issues', 'insert', rows)).outcomes)).toEqual(['applied']);
  });

  it('a value that GraphQL does not take refuses the whole request: the row is told from the others', async () => {
    const session = await open();
    const [first, second] = sandbox.hub.issues.map(({ id }) => id);
    const { outcomes } = await write(session, 'issues', 'update', [
      { key: first ?? '', values: { state: 'closed' } },
      { key: second ?? '', values: { state: 'ajar' } },
    ]);
    expect(outcomes).toMatchObject([
      { kind: 'rejected', sibling: true },
      { kind: 'rejected', fault: { sqlstate: '23514', column: 'state' } },
    ]);
  });

  it('a row of two mutations of which one was refused is unknown, and says which', async () => {
    const session = await open();
    const [issue] = sandbox.hub.issues;
    const values = { state: 'closed', state_reason: 'not_planned', title: 'x'.repeat(300) };
    const { outcomes } = await write(session, 'issues', 'update', [{ key: issue?.id ?? '', values }]);
    expect(outcomes).toMatchObject([
      {
        kind: 'unknown',
        fault: { context: expect.stringMatching(/too long.*applied: closeIssue; refused: updateIssue/) },
      },
    ]);
    expect(issue?.stateReason).toBe('NOT_PLANNED');
  });

  it.each<[string, Values, string]>([
    ['a reason without closing', { state_reason: 'completed' }, '23514'],
    ['a reason for opening', { state: 'open', state_reason: 'completed' }, '23514'],
    ['no state', { state: null }, '23502'],
  ])('%s is refused before anything is sent', async (_, values, sqlstate) => {
    const session = await open();
    const key = sandbox.hub.issues[0]?.id ?? '';
    const { outcomes, requests } = await write(session, 'issues', 'update', [{ key, values }]);
    expect(outcomes).toMatchObject([{ kind: 'rejected', fault: { sqlstate } }]);
    expect(requests).toEqual([]);
  });

  it('nothing is written outside of what is synced', async () => {
    const session = await open();
    const values = { repository: 'paul-atreides/dotfiles', title: 't' };
    const { outcomes, requests } = await write(session, 'issues', 'insert', [{ values }]);
    expect(outcomes).toMatchObject([{ fault: { sqlstate: '23503', column: 'repository' } }]);
    expect(requests).toEqual([]);
  });

  it('what the token may not do, and what is archived', async () => {
    const session = await open();
    sandbox.deny('Issue.delete');
    const key = sandbox.hub.issues[0]?.id ?? '';
    const denied = await write(session, 'issues', 'delete', [{ key }]);
    expect(denied.outcomes).toMatchObject([
      { fault: { sqlstate: '42501', context: expect.stringContaining('FORBIDDEN') } },
    ]);
    const archived = await write(session, 'issues', 'insert', [
      { values: { repository: 'caladan/archive', title: 't' } },
    ]);
    expect(archived.outcomes).toMatchObject([
      { fault: { sqlstate: '42501', detail: expect.stringContaining('archived') } },
    ]);
    sandbox.deny('Milestone.create');
    const rest = await write(session, 'milestones', 'insert', [{ values: { repository, title: 'v9' } }]);
    expect(rest.outcomes).toMatchObject([{ fault: { sqlstate: '42501' } }]);
  });
});

describe('limits', () => {
  it('an exhausted GraphQL hour is waited for only as long as there is time', async () => {
    const session = await open();
    sandbox.use('graphql', sandbox.settings.hourlyLimit);
    const { outcomes } = await write(session, 'issues', 'insert', [{ values: { repository, title: 't' } }], 2000);
    expect(kinds(outcomes)).toEqual(['rate_limited']);
    const [outcome] = outcomes;
    expect(outcome?.kind === 'rejected' && outcome.fault.message).toMatch(/retry in 3[56]\d\d s/);
  });

  it('a GraphQL limit that passes is waited for', async () => {
    const session = await open();
    sandbox.faults.add({ path: '/graphql#mutation*', action: githubFaults.graphqlLimit(0) });
    const { outcomes } = await write(session, 'issues', 'insert', [{ values: { repository, title: 't' } }]);
    expect(kinds(outcomes)).toEqual(['applied']);
    expect(sandbox.writes()).toBe(2);
  });

  it('rows that were submitted too quickly are told; the others are done', async () => {
    const strict = await startGitHubSandbox({ issues: 0, creationsPerRequest: 2 });
    try {
      const session = await open({ config: { base_url: strict.url } });
      const rows = ['a', 'b', 'c'].map((title) => ({ values: { repository, title } }));
      const { outcomes } = await write(session, 'issues', 'insert', rows);
      expect(kinds(outcomes)).toEqual(['applied', 'applied', 'rate_limited']);
      expect(strict.hub.issues.map(({ title }) => title)).toEqual(['a', 'b']);
    } finally {
      await strict.close();
    }
  });

  it('too many creations in a minute are refused as a whole', async () => {
    const strict = await startGitHubSandbox({ issues: 0, creationsPerMinute: 1 });
    try {
      const session = await open({ config: { base_url: strict.url } });
      const insert = () => write(session, 'issues', 'insert', [{ values: { repository, title: 't' } }], 1000);
      expect(kinds((await insert()).outcomes)).toEqual(['applied']);
      expect(kinds((await insert()).outcomes)).toEqual(['rate_limited']);
      expect(strict.hub.issues).toHaveLength(1);
    } finally {
      await strict.close();
    }
  });

  it('the budget is told the tighter of the two windows, and that an hour is over', async () => {
    const reports: (readonly [number | undefined, number | undefined])[] = [];
    class Watched extends LocalBudget {
      override report(quota: Parameters<LocalBudget['report']>[0]): void {
        reports.push([quota.used, quota.limit]);
        super.report(quota);
      }
    }
    const session = await open({ budget: new Watched({ provider: 'github', now: Date.now }) });
    sandbox.use('graphql', 100);
    await session.check(signal);
    expect(reports.at(-1)).toEqual([101, 5000]);
    sandbox.use('core', 2000);
    for await (const page of session.pull(await tableOf(session, 'issue_comments'), null, signal)) void page;
    expect(reports.at(-1)).toEqual([2003, 5000]);
  });

  it('"something went wrong" leaves a write open, and repeats a read', async () => {
    const session = await open();
    sandbox.faults.add({ path: '/graphql#mutation*', action: githubFaults.somethingWentWrong });
    const rows = [{ values: { repository, title: 't' } }];
    expect(kinds((await write(session, 'issues', 'insert', rows)).outcomes)).toEqual(['outcome_unknown']);
    expect(sandbox.writes()).toBe(1);
    sandbox.faults.add({ path: '/graphql*', action: githubFaults.somethingWentWrong });
    expect(await session.check(signal)).toContain('paul-atreides');
  });
});

describe('records of an insert whose answer was lost', () => {
  it.each<[string, Values, Values]>([
    ['issue_comments', { repository, issue_number: 1, body: 'lost' }, { body: 'other' }],
    ['labels', { repository, name: 'lost' }, { name: 'other' }],
    ['milestones', { repository, title: 'lost' }, { title: 'other' }],
    ['pull_requests', { repository, title: 'lost', base_branch: 'main', head_branch: 'feature-9' }, { title: 'other' }],
    ['repositories', { owner: 'caladan', name: 'lost', visibility: 'public' }, { name: 'other' }],
  ])('%s', async (table, values, other) => {
    const session = await open();
    const resource = await tableOf(session, table);
    const asked = batch(resource, 'insert', [{ values }, { values: { ...values, ...other } }]);
    const sentAt = Date.now();
    expect(await session.findInserted(asked, sentAt, signal)).toEqual([null, null]);
    sandbox.faults.add({ path: '/graphql#mutation*', action: { kind: 'cut', phase: 'after' } });
    sandbox.faults.add({ path: '/repos/*', method: 'POST', action: { kind: 'cut', phase: 'after' } });
    const { outcomes } = await session.write(batch(resource, 'insert', [{ values }]), signal);
    expect(kinds(outcomes)).toEqual(['outcome_unknown']);
    const [found, none] = await session.findInserted(asked, sentAt, signal);
    expect(found?.values).toMatchObject(Object.fromEntries(Object.entries(values).slice(0, 2)));
    expect(none).toBeNull();
  });

  it('equal rows get a record each, and those of others none', async () => {
    const session = await open();
    const resource = await tableOf(session, 'issues');
    const home = sandbox.hub.repository(repository);
    if (home === undefined) throw new Error('there is no repository');
    createIssue(sandbox.colleague, home, 'twin', '', {});
    const values = { repository, title: 'twin' };
    const sentAt = Date.now();
    const { outcomes } = await session.write(batch(resource, 'insert', [{ values }, { values }]), signal);
    const found = await session.findInserted(
      batch(resource, 'insert', [{ values }, { values }, { values }]),
      sentAt,
      signal,
    );
    expect(found.map((record) => record?.key ?? null)).toEqual([...outcomes.map((one) => applied(one).key), null]);
  });

  it('an old record of the same content is none', async () => {
    const session = await open();
    const resource = await tableOf(session, 'issues');
    const values = { repository, title: 'old' };
    await session.write(batch(resource, 'insert', [{ values }]), signal);
    expect(await session.findInserted(batch(resource, 'insert', [{ values }]), Date.now() + 3_600_000, signal)).toEqual(
      [null],
    );
  });
});

describe('authorisation', () => {
  it.each([
    ['token', 'user paul-atreides'],
    ['app', 'user thufir[bot]'],
    ['refresh_token', 'user paul-atreides'],
  ])('%s', async (kind, who) => {
    const session = await open({ kind });
    expect(await session.check(signal)).toBe(who);
  });

  it.each(['app', 'refresh_token'])('%s: refused tokens are renewed, rotated refresh tokens are used', async (kind) => {
    const session = await open({ kind });
    for (let round = 0; round < 3; round += 1) {
      await session.check(signal);
      sandbox.expireTokens();
    }
    await session.check(signal);
  });

  it('an installation token is renewed before it expires', async () => {
    const short = await startGitHubSandbox({ issues: 0, tokenLifetimeMs: 30_000 });
    try {
      const session = await open({
        kind: 'app',
        config: { base_url: short.url },
        auth: { private_key: short.settings.privateKey },
      });
      await session.check(signal);
      await session.check(signal);
      const tokens = short.requests.list().filter(({ path }) => path.startsWith('/app/'));
      expect(tokens).toHaveLength(2);
      expect(short.requests.list().filter(({ status }) => status === 401)).toEqual([]);
    } finally {
      await short.close();
    }
  });

  it('one token, however many requests wait for it', async () => {
    const session = await open({ kind: 'app' });
    await Promise.all(Array.from({ length: 5 }, () => session.check(signal)));
    expect(sandbox.requests.list().filter(({ path }) => path.startsWith('/app/'))).toHaveLength(1);
  });

  const other = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  it.each<[string, Record<string, string>]>([
    ['token', { token: 'wrong-personal-token' }],
    ['app', { private_key: other.privateKey }],
    ['app', { private_key: '-----BEGIN RSA PRIVATE KEY-----\nbroken\n-----END RSA PRIVATE KEY-----' }],
    ['app', { app_id: '1' }],
    ['app', { installation_id: '1' }],
    ['refresh_token', { refresh_token: 'wrong-refresh-token' }],
    ['refresh_token', { client_secret: 'wrong-client-secret' }],
  ])('%s with %o is refused without showing a secret', async (kind, auth) => {
    const lines: string[] = [];
    const log = (fields: object, message: string): void => void lines.push(JSON.stringify(fields) + message);
    const session = await open({ kind, auth, log: { debug: log, info: log, warn: log } });
    const error: unknown = await session.check(signal).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      fault: { code: 'credentials_refused', context: expect.stringContaining('answered') },
    });
    const shown = JSON.stringify([Reflect.get(error as object, 'fault'), lines]);
    const secrets = ['token', 'refresh_token', 'client_secret', 'private_key'].flatMap((name) => auth[name] ?? []);
    for (const secret of [...secrets, CREDENTIALS.clientSecret, CREDENTIALS.token]) expect(shown).not.toContain(secret);
  });

  it('a revoked personal token is refused, once and finally', async () => {
    const session = await open();
    await session.check(signal);
    sandbox.revokePersonalToken();
    await expect(session.check(signal)).rejects.toMatchObject({ fault: { sqlstate: '58000' } });
  });
});

describe('odds and ends', () => {
  it('a plan tells the request and the most that it can cost', async () => {
    const session = await open();
    const plan = async (table: string, verb: Verb) => session.plan(verb, await tableOf(session, table), 7);
    expect(await plan('issues', 'insert')).toEqual({ method: 'POST', path: '/graphql', calls: 2 });
    expect(await plan('issues', 'update')).toEqual({ method: 'POST', path: '/graphql', calls: 3 });
    expect(await plan('labels', 'delete')).toEqual({ method: 'POST', path: '/graphql', calls: 1 });
    expect(await plan('milestones', 'update')).toEqual({
      method: 'PATCH',
      path: '/repos/{owner}/{repo}/milestones/{number}',
      calls: 8,
    });
  });

  it('a redirect of a read is followed on the same host only', async () => {
    const session = await open();
    const comments = '/repos/caladan/harvester/issues/comments';
    const respond = (location: string) => ({ kind: 'respond' as const, status: 301, headers: { location }, body: {} });
    sandbox.faults.add({ path: comments, action: respond(`${sandbox.url}/repos/caladan/stillsuit/issues/comments`) });
    expect((await all(session, 'issue_comments')).size).toBe(0);
    sandbox.faults.add({ path: comments, action: respond('https://elsewhere.example/steal') });
    await expect(all(session, 'issue_comments')).rejects.toMatchObject({ fault: { code: 'internal' } });
  });

  it('a listing that may not be seen is an error, never an empty one', async () => {
    const session = await open();
    const body = { data: { node: null }, errors: [{ type: 'FORBIDDEN', path: ['node'], message: 'SAML enforcement' }] };
    const headers = { 'content-type': 'application/json' };
    sandbox.faults.add({ path: '/graphql#query List', action: { kind: 'respond', status: 200, headers, body } });
    await expect(all(session, 'issues')).rejects.toMatchObject({ fault: { sqlstate: '42501' } });
  });

  it('a change by a page’s end is seen by the next run', async () => {
    const session = await open({ config: { page_size: 1 } });
    const resource = await tableOf(session, 'issues');
    const titles = new Map<string, JsonValue>();
    let cursor: JsonValue = null;
    const follow = async (between: () => void): Promise<void> => {
      for await (const page of session.pull(resource, cursor, signal)) {
        for (const { key, values } of page.records) titles.set(key, values['title'] ?? null);
        cursor = page.next;
        between();
      }
    };
    await follow(() => {
      const [issue] = sandbox.hub.issues;
      if (issue !== undefined) updateIssue(sandbox.colleague, issue, { title: `${issue.title}!` });
    });
    await follow(() => {});
    expect([...titles.values()]).toEqual(sandbox.hub.issues.map(({ title }) => title));
  });
});
