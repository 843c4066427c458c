/** One GraphQL request a statement, and what limits do to it. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type GitHubSandbox, githubFaults, startGitHubSandbox } from '../../../fixtures/github/index.js';
import { LocalBudget, type Values } from '../../../src/provider/index.js';
import { applied, kinds, type Options, openOn, repository, signal, tableOf, write } from './support.js';

let sandbox: GitHubSandbox;

beforeAll(async () => {
  sandbox = await startGitHubSandbox({ issues: 4, pulls: 2, comments: 3 });
});
afterAll(() => sandbox.close());
beforeEach(() => sandbox.reset());

const open = (options: Options = {}) => openOn(sandbox, options);

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

  it('an answer that leaves a row out, breaks down at it or cannot show it is told as it is', async () => {
    const session = await open();
    const node = { id: 'LA_new', name: 'n', color: 'ffffff', description: null, repository: null };
    const body = {
      data: { r0s0: { label: node }, r1s0: null, r3s0: { label: null } },
      errors: [
        { type: 'FORBIDDEN', path: ['r0s0', 'label', 'repository'], message: 'hidden' },
        { path: ['r1s0'], message: 'Something went wrong while executing your query.' },
        { type: 'NOT_FOUND', path: ['r3s0', 'label'], message: 'hidden' },
      ],
    };
    const headers = { 'content-type': 'application/json' };
    sandbox.faults.add({ path: '/graphql#mutation*', action: { kind: 'respond', status: 200, headers, body } });
    const rows = ['a', 'b', 'c', 'd'].map((name) => ({ values: { repository, name } }));
    const { outcomes } = await write(session, 'labels', 'insert', rows);
    expect(kinds(outcomes)).toEqual(['applied', 'outcome_unknown', 'outcome_unknown', 'outcome_unknown']);
    // What was hidden is not known, which is not the same as NULL.
    expect(applied(outcomes[0]).values).toEqual({ id: 'LA_new', name: 'n', color: 'ffffff', description: null });
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
    const { outcomes } = await write(session, 'issues', 'insert', [{ values: { repository, title: 't' } }]);
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
      const insert = () => write(session, 'issues', 'insert', [{ values: { repository, title: 't' } }]);
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
