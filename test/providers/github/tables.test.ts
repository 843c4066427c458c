/** What the tables of GitHub hold, and how changes are found. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { updateIssue } from '../../../fixtures/github/changes.js';
import { type GitHubSandbox, startGitHubSandbox } from '../../../fixtures/github/index.js';
import type { JsonValue, Verb } from '../../../src/provider/index.js';
import { all, kinds, type Options, openOn, repository, signal, tableOf, write } from './support.js';

let sandbox: GitHubSandbox;

beforeAll(async () => {
  sandbox = await startGitHubSandbox({ issues: 4, pulls: 2, comments: 3 });
});
afterAll(() => sandbox.close());
beforeEach(() => sandbox.reset());

const open = (options: Options = {}) => openOn(sandbox, options);

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

  it('pull requests are read from the newest change to the first old one, and no further', async () => {
    const session = await open({ config: { page_size: 1 } });
    const resource = await tableOf(session, 'pull_requests');
    let cursor: JsonValue = null;
    for await (const page of session.pull(resource, null, signal)) cursor = page.next;
    sandbox.clock.advance(600_000);
    const home = sandbox.hub.repository(repository);
    if (home === undefined) throw new Error('there is no repository');
    for (const head of ['feature-7', 'feature-8']) {
      sandbox.hub.addPull(home, sandbox.cast.owner, { title: head, body: '', baseRefName: 'main', headRefName: head });
    }
    const before = sandbox.requests.list().length;
    const titles: JsonValue[] = [];
    for await (const page of session.pull(resource, cursor, signal)) {
      titles.push(...page.records.map(({ values }) => values['title'] ?? null));
    }
    expect(titles.sort()).toEqual(['feature-7', 'feature-8']);
    const lists = sandbox.requests
      .list()
      .slice(before)
      .filter(({ label }) => label === 'query List');
    // Two with changes, and one that shows that there are no more.
    expect(lists).toHaveLength(3);
  });

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
