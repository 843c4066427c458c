/** The official SDK against the GitHub stand-in: what it sends is understood, what it expects is answered. */
import { GraphqlResponseError } from '@octokit/graphql';
import { Octokit } from '@octokit/rest';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CREDENTIALS, type GitHubSandbox, startGitHubSandbox } from '../../fixtures/github/index.js';

const home = { owner: 'caladan', repo: 'harvester' };

let sandbox: GitHubSandbox;

beforeAll(async () => {
  sandbox = await startGitHubSandbox({ issues: 9, pulls: 4, comments: 7 });
});
afterAll(() => sandbox.close());
beforeEach(() => sandbox.reset());

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

function octokit(auth: string = CREDENTIALS.token): Octokit {
  return new Octokit({ auth, baseUrl: sandbox.url, userAgent: 'test', log: silent });
}

describe('REST', () => {
  it('who we are, and what there is', async () => {
    const { data } = await octokit().rest.users.getAuthenticated();
    expect(data).toMatchObject({ login: 'paul-atreides', type: 'User' });
    const repository = await octokit().rest.repos.get(home);
    expect(repository.data).toMatchObject({ full_name: 'caladan/harvester', private: false, visibility: 'public' });
    expect(repository.data.node_id).toBe(sandbox.hub.repository('caladan/harvester')?.id);
    await expect(octokit('wrong').rest.users.getAuthenticated()).rejects.toMatchObject({ status: 401 });
    await expect(octokit().rest.repos.get({ ...home, repo: 'none' })).rejects.toMatchObject({ status: 404 });
  });

  it('pages of issues, by the Link header, with pull requests among them', async () => {
    const parameters = { ...home, state: 'all', per_page: 4 } as const;
    const issues = await octokit().paginate(octokit().rest.issues.listForRepo, parameters);
    expect(issues).toHaveLength(13);
    expect(issues.filter(({ pull_request }) => pull_request !== undefined)).toHaveLength(4);
    expect(new Set(issues.map(({ number }) => number)).size).toBe(13);
    const first = await octokit().rest.issues.listForRepo(parameters);
    expect(first.headers.link).toMatch(/rel="next".*rel="last"/);
  });

  it('comments since a time, oldest change first', async () => {
    const [comment] = sandbox.hub.comments;
    if (comment === undefined) throw new Error('there is no comment');
    sandbox.clock.advance(60_000);
    comment.updatedAt = sandbox.hub.now();
    const since = comment.updatedAt;
    const { data } = await octokit().rest.issues.listCommentsForRepo({
      ...home,
      sort: 'updated',
      direction: 'asc',
      since,
    });
    expect(data.map(({ node_id }) => node_id)).toEqual([comment.id]);
    const all = await octokit().rest.issues.listCommentsForRepo({ ...home, sort: 'updated', direction: 'asc' });
    const times = all.data.map(({ updated_at }) => updated_at);
    expect(times).toEqual([...times].sort());
  });

  it('milestones: made, changed, refused by field, deleted', async () => {
    const { rest } = octokit();
    const made = await rest.issues.createMilestone({ ...home, title: 'v1', due_on: '2026-01-02T12:00:00Z' });
    expect(made.status).toBe(201);
    expect(made.data).toMatchObject({ title: 'v1', state: 'open', number: 3, due_on: '2026-01-02T08:00:00Z' });
    const target = { ...home, milestone_number: made.data.number };
    const changed = await rest.issues.updateMilestone({ ...target, state: 'closed' });
    expect(changed.data.closed_at).not.toBeNull();
    await expect(rest.issues.createMilestone({ ...home, title: 'v1' })).rejects.toMatchObject({
      status: 422,
      response: {
        data: {
          message: 'Validation Failed',
          errors: [{ resource: 'Milestone', code: 'already_exists', field: 'title' }],
        },
      },
    });
    expect((await rest.issues.deleteMilestone(target)).status).toBe(204);
    await expect(rest.issues.getMilestone(target)).rejects.toMatchObject({ status: 404 });
  });

  it('a repository goes with all that it holds', async () => {
    expect((await octokit().rest.repos.delete(home)).status).toBe(204);
    expect(sandbox.hub.issues).toEqual([]);
    expect(sandbox.hub.comments).toEqual([]);
  });

  it('an exhausted hour is a 403 with the time of its end', async () => {
    sandbox.use('core', 5000);
    await expect(octokit().rest.users.getAuthenticated()).rejects.toMatchObject({
      status: 403,
      response: { headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-resource': 'core' } },
    });
  });
});

describe('GraphQL', () => {
  it('throws for a refusal, and the error has what was applied', async () => {
    const repositoryId = sandbox.hub.repository('caladan/harvester')?.id;
    const document = `mutation($a: CreateIssueInput!, $b: CreateIssueInput!) {
      a: createIssue(input: $a) { issue { title } }
      b: createIssue(input: $b) { issue { title } }
    }`;
    const variables = { a: { repositoryId, title: 'kept' }, b: { repositoryId: 'R_none', title: 'lost' } };
    const error: unknown = await octokit()
      .graphql(document, variables)
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(GraphqlResponseError);
    expect(error).toMatchObject({
      data: { a: { issue: { title: 'kept' } }, b: null },
      errors: [{ type: 'NOT_FOUND', path: ['b'] }],
    });
  });

  it('texts of every kind arrive as they were sent', async () => {
    const texts = ['123n', '"9007199254740993n"', '9007199254740993', 'a\u2028b', '\ud83d\udc0d', '{"$ref":1}', '\\n'];
    const repositoryId = sandbox.hub.repository('caladan/harvester')?.id;
    const document = 'mutation($i: CreateIssueInput!) { createIssue(input: $i) { issue { title body } } }';
    for (const text of texts) {
      const input = { repositoryId, title: text, body: text };
      const answer: unknown = await octokit().graphql(document, { i: input });
      expect(answer).toEqual({ createIssue: { issue: { title: text, body: text } } });
    }
  });
});
