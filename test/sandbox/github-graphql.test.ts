/** The GraphQL side of the GitHub stand-in: shapes of answers, partial mutations, paging, limits. By bare HTTP. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CREDENTIALS, type GitHubSandbox, githubFaults, startGitHubSandbox } from '../../fixtures/github/index.js';
import { isJsonObject, type Json, type JsonObject } from '../../fixtures/kit/index.js';
import { type Answer, list, object, send, text } from './client.js';

let sandbox: GitHubSandbox;

beforeAll(async () => {
  sandbox = await startGitHubSandbox({ issues: 12, pulls: 2, comments: 4 });
});
afterAll(() => sandbox.close());
beforeEach(() => sandbox.reset());

function ask(query: string, variables: JsonObject = {}, token: string = CREDENTIALS.token): Promise<Answer> {
  return send(`${sandbox.url}/graphql`, {
    method: 'POST',
    headers: { authorization: `bearer ${token}`, 'user-agent': 'test', 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
}

function at(value: Json | undefined, ...path: readonly (string | number)[]): Json | undefined {
  return path.reduce<Json | undefined>(
    (found, part) => (typeof part === 'number' ? list(found)[part] : isJsonObject(found) ? found[part] : undefined),
    value,
  );
}

async function repositoryId(name = 'harvester'): Promise<string> {
  const { body } = await ask('query($n: String!) { repository(owner: "caladan", name: $n) { id } }', { n: name });
  return text(at(body, 'data', 'repository', 'id'));
}

describe('answers', () => {
  it('carry the limit, the hub’s time and a request id', async () => {
    sandbox.clock.advance(3_600_000);
    const { status, headers } = await ask('{ viewer { login } }');
    expect(status).toBe(200);
    expect(headers.get('x-ratelimit-resource')).toBe('graphql');
    expect(headers.get('x-ratelimit-used')).toBe('1');
    expect(headers.get('x-ratelimit-remaining')).toBe('4999');
    expect(headers.get('x-github-request-id')).toMatch(/^[0-9A-F]+:[0-9A-F]+$/);
    expect(Date.parse(headers.get('date') ?? '') - Date.now()).toBeGreaterThan(3_500_000);
  });

  it('describe themselves: the whole official schema can be asked for', async () => {
    const { body } = await ask('{ __type(name: "CreateIssueInput") { inputFields { name } } }');
    const names = list(at(body, 'data', '__type', 'inputFields')).map((field) => object(field)['name']);
    expect(names).toEqual(expect.arrayContaining(['repositoryId', 'title', 'body', 'labelIds', 'milestoneId']));
  });

  it('refuse without a token, with a bad one, without a user agent, and what is not JSON', async () => {
    expect((await ask('{ viewer { login } }', {}, 'wrong')).status).toBe(401);
    const bare = await send(`${sandbox.url}/graphql`, { method: 'POST', body: '{}' });
    expect(bare.status).toBe(401);
    expect(object(bare.body)['message']).toBe('Bad credentials');
    const broken = await send(`${sandbox.url}/graphql`, {
      method: 'POST',
      headers: { authorization: `bearer ${CREDENTIALS.token}` },
      body: '{',
    });
    expect(broken.status).toBe(400);
  });

  it('tell what does not parse, what the schema does not have, and what no variable can be, with status 200', async () => {
    const unparsed = await ask('{ viewer {');
    expect(unparsed.status).toBe(200);
    expect(object(unparsed.body)).toEqual({ errors: [{ locations: expect.anything(), message: expect.any(String) }] });
    const unknown = await ask('{ viewer { shoeSize } }');
    expect(object(unknown.body)).not.toHaveProperty('data');
    expect(at(unknown.body, 'errors', 0, 'message')).toContain('shoeSize');
    const variable = await ask('mutation($i: CreateIssueInput!) { createIssue(input: $i) { clientMutationId } }', {
      i: { repositoryId: 'x' },
    });
    expect(at(variable.body, 'errors', 0, 'message')).toMatch(
      /^Variable \$i of type CreateIssueInput! was provided invalid value for title \(/,
    );
  });
});

describe('mutations', () => {
  const document = `mutation($a: CreateIssueInput!, $b: CreateIssueInput!, $c: CreateIssueInput!) {
    a: createIssue(input: $a) { issue { number title } }
    b: createIssue(input: $b) { issue { number title } }
    c: createIssue(input: $c) { issue { number title } }
  }`;

  it('run one after the other: what was refused is null, what came before and after stays', async () => {
    const id = await repositoryId();
    const before = sandbox.hub.issues.length;
    const input = (title: string): JsonObject => ({ repositoryId: id, title });
    const { status, body } = await ask(document, { a: input('one'), b: input(''), c: input('three') });
    expect(status).toBe(200);
    expect(at(body, 'data', 'a', 'issue', 'title')).toBe('one');
    expect(at(body, 'data', 'b')).toBeNull();
    expect(at(body, 'data', 'c', 'issue', 'title')).toBe('three');
    expect(at(body, 'errors')).toEqual([
      { type: 'UNPROCESSABLE', path: ['b'], locations: [{ line: 3, column: 5 }], message: "Title can't be blank" },
    ]);
    expect(sandbox.hub.issues.length).toBe(before + 2);
  });

  it('number issues and pull requests together, in their repository', async () => {
    const id = await repositoryId('stillsuit');
    const input = { repositoryId: id, title: 't' };
    const { body } = await ask(document, { a: input, b: input, c: input });
    expect(['a', 'b', 'c'].map((alias) => at(body, 'data', alias, 'issue', 'number'))).toEqual([1, 2, 3]);
    const pull = await ask(
      'mutation($i: CreatePullRequestInput!) { createPullRequest(input: $i) { pullRequest { number state isDraft } } }',
      { i: { ...input, baseRefName: 'main', headRefName: 'feature-1' } },
    );
    expect(at(pull.body, 'data', 'createPullRequest', 'pullRequest')).toEqual({
      number: 4,
      state: 'OPEN',
      isDraft: false,
    });
  });

  it('delete issues with their comments, and then know them no more', async () => {
    const issue = sandbox.hub.issues.find(({ id }) => sandbox.hub.comments.some(({ subject }) => subject.id === id));
    const id = issue?.id ?? '';
    const remove =
      'mutation($i: DeleteIssueInput!) { x: deleteIssue(input: $i) { clientMutationId repository { name } } }';
    const first = await ask(remove, { i: { issueId: id, clientMutationId: 'echo' } });
    expect(at(first.body, 'data', 'x')).toEqual({ clientMutationId: 'echo', repository: { name: 'harvester' } });
    expect(sandbox.hub.comments.filter(({ subject }) => subject.id === id)).toEqual([]);
    const second = await ask(remove, { i: { issueId: id } });
    expect(object(second.body)).toMatchObject({
      data: { x: null },
      errors: [
        { type: 'NOT_FOUND', path: ['x'], message: `Could not resolve to a node with the global id of '${id}'.` },
      ],
    });
  });

  it('close with a reason, which a duplicate shows only when asked for', async () => {
    const id = sandbox.hub.issues.find(({ state }) => state === 'OPEN')?.id ?? '';
    const close =
      'mutation($i: CloseIssueInput!) { closeIssue(input: $i) { issue { state a: stateReason b: stateReason(enableDuplicate: true) closedAt } } }';
    const { body } = await ask(close, { i: { issueId: id, stateReason: 'DUPLICATE' } });
    expect(at(body, 'data', 'closeIssue', 'issue')).toEqual({
      state: 'CLOSED',
      a: 'NOT_PLANNED',
      b: 'DUPLICATE',
      closedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    });
  });

  it('a comment on a pull request has no issue, which takes the whole comment away', async () => {
    const [pull] = sandbox.hub.pulls;
    const add = (fields: string) =>
      ask(`mutation($i: AddCommentInput!) { addComment(input: $i) { commentEdge { node { body ${fields} } } } }`, {
        i: { subjectId: pull?.id ?? '', body: 'hi' },
      });
    expect(at((await add('')).body, 'data', 'addComment', 'commentEdge', 'node')).toEqual({ body: 'hi' });
    const taken = await add('issue { number }');
    expect(at(taken.body, 'data', 'addComment', 'commentEdge', 'node')).toBeNull();
  });
});

describe('connections', () => {
  const issues = `query($first: Int, $after: String, $since: DateTime, $direction: OrderDirection!) {
    repository(owner: "caladan", name: "harvester") {
      issues(first: $first, after: $after, filterBy: { since: $since }, orderBy: { field: UPDATED_AT, direction: $direction }) {
        totalCount
        pageInfo { hasNextPage endCursor }
        nodes { number updatedAt }
      }
    }
  }`;

  it.each(['ASC', 'DESC'])('page by cursor, %s, without skipping when a record goes', async (direction) => {
    const numbers: Json[] = [];
    let after: Json = null;
    for (let page = 0; page < 10; page += 1) {
      const { body } = await ask(issues, { first: 5, after, direction });
      const found = object(at(body, 'data', 'repository', 'issues'));
      numbers.push(...list(found['nodes']).map((node) => object(node)['number'] ?? null));
      const [issue] = sandbox.hub.issues.filter(({ number }) => number === numbers[0]);
      if (issue !== undefined) sandbox.hub.remove(issue);
      const info = object(found['pageInfo']);
      after = info['endCursor'] ?? null;
      if (info['hasNextPage'] !== true) break;
    }
    expect(new Set(numbers).size).toBe(12);
    expect(numbers).toHaveLength(12);
  });

  it('filter by the last change, counting only those', async () => {
    const since = sandbox.hub.now();
    const [issue] = sandbox.hub.issues;
    if (issue !== undefined) issue.updatedAt = since;
    const { body } = await ask(issues, { first: 5, since, direction: 'ASC' });
    expect(at(body, 'data', 'repository', 'issues', 'totalCount')).toBe(1);
    expect(at(body, 'data', 'repository', 'issues', 'nodes', 0, 'number')).toBe(issue?.number);
  });

  it('need bounds, at most a hundred', async () => {
    const none = await ask(issues, { direction: 'ASC' });
    expect(at(none.body, 'errors', 0, 'type')).toBe('MISSING_PAGINATION_BOUNDARIES');
    const many = await ask(issues, { first: 101, direction: 'ASC' });
    expect(at(many.body, 'errors', 0)).toMatchObject({
      type: 'EXCESSIVE_PAGINATION',
      message: 'Requesting 101 records on the `issues` connection exceeds the `first` limit of 100 records.',
    });
    const count = await ask('{ repository(owner: "caladan", name: "harvester") { issues { totalCount } } }');
    expect(at(count.body, 'data', 'repository', 'issues', 'totalCount')).toBe(12);
  });
});

describe('nodes', () => {
  it('of any kind come in their order, with an error in the place of one that is not there', async () => {
    const [issue] = sandbox.hub.issues;
    const [pull] = sandbox.hub.pulls;
    const ids = [pull?.id ?? '', 'I_none', issue?.id ?? ''];
    const { body } = await ask('query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }', { ids });
    expect(at(body, 'data', 'nodes')).toEqual([
      { __typename: 'PullRequest', id: ids[0] },
      null,
      { __typename: 'Issue', id: ids[2] },
    ]);
    expect(list(at(body, 'errors'))).toMatchObject([{ type: 'NOT_FOUND', path: ['nodes', 1] }]);
  });

  it('of a bot are shown without [bot]', async () => {
    const bot = sandbox.hub.issues.find(({ author }) => author?.kind === 'Bot');
    const { body } = await ask('query($id: ID!) { node(id: $id) { ... on Issue { author { __typename login } } } }', {
      id: bot?.id ?? '',
    });
    expect(at(body, 'data', 'node', 'author')).toEqual({ __typename: 'Bot', login: 'thufir' });
  });
});

describe('limits and faults', () => {
  it('an exhausted hour is a 200 with RATE_LIMITED, and over after an hour', async () => {
    sandbox.use('graphql', 5000);
    const { status, headers, body } = await ask('{ viewer { login } }');
    expect(status).toBe(200);
    expect(headers.get('x-ratelimit-remaining')).toBe('0');
    expect(object(body)).toEqual({
      errors: [{ type: 'RATE_LIMITED', message: expect.stringContaining('rate limit') }],
    });
    sandbox.clock.advance(3_601_000);
    expect(object((await ask('{ viewer { login } }')).body)).toHaveProperty('data');
  });

  it('the eighty-first creation within a minute meets the secondary limit', async () => {
    const id = await repositoryId();
    const create = () =>
      ask('mutation($i: CreateLabelInput!) { createLabel(input: $i) { label { id } } }', {
        i: { repositoryId: id, name: `label ${sandbox.hub.labels.length}`, color: 'ffffff' },
      });
    for (let count = 0; count < 80; count += 1) expect((await create()).status).toBe(200);
    const refused = await create();
    expect(refused.status).toBe(403);
    expect(refused.headers.get('retry-after')).toBe('60');
    expect(text(object(refused.body)['message'])).toContain('secondary rate limit');
    sandbox.clock.advance(61_000);
    expect((await create()).status).toBe(200);
  });

  it('mutations that come too late in a request are left out, with an error each', async () => {
    const id = await repositoryId();
    const aliases = Array.from({ length: 77 }, (_, index) => `a${index}`);
    const fields = aliases.map(
      (alias) =>
        `${alias}: createLabel(input: {repositoryId: "${id}", name: "${alias}", color: "ffffff"}) { label { id } }`,
    );
    const { status, body } = await ask(`mutation { ${fields.join(' ')} }`);
    expect(status).toBe(200);
    expect(aliases.filter((alias) => at(body, 'data', alias) === null)).toEqual(['a75', 'a76']);
    expect(list(object(body)['errors'])).toMatchObject(
      ['a75', 'a76'].map((alias) => ({ type: 'RESOURCE_LIMITS_EXCEEDED', path: [alias] })),
    );
    expect(sandbox.hub.labels.filter(({ name }) => /^a\d+$/.test(name))).toHaveLength(75);
  });

  it('mutations can be struck while queries pass, and over the control endpoint', async () => {
    const { kind, ...timeout } = githubFaults.timeout as { kind: 'respond'; status: number; body: Json };
    const added = await send(`${sandbox.url}/__sandbox/faults`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ path: '/graphql#mutation*', action: { kind, ...timeout } }),
    });
    expect(added.status).toBe(201);
    const id = await repositoryId();
    const input = { repositoryId: id, title: 't' };
    const create = 'mutation Write($i: CreateIssueInput!) { createIssue(input: $i) { clientMutationId } }';
    expect((await ask(create, { i: input })).status).toBe(502);
    expect((await ask(create, { i: input })).status).toBe(200);
    expect(sandbox.requests.list().map(({ label }) => label)).toEqual(['query', 'mutation Write', 'mutation Write']);
  });
});
