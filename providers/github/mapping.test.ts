import { describe, expect, it } from 'vitest';
import type { JsonValue, Resource } from '../../src/provider/index.js';
import { parseConfig } from './config.js';
import { matches, toRec } from './mapping.js';
import { actorLogin, commentNode, isOnPull, issueNumber, milestoneNode, sorted } from './nodes.js';
import { resourcesOf } from './resources.js';

const auth = { kind: 'token', token: 'secret-token' };
const resources = resourcesOf(parseConfig({ auth, owners: ['octocat'] }));

function resource(name: string): Resource {
  const found = resources.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`there is no table ${name}`);
  return found;
}

const node = {
  id: 'I_1',
  fullDatabaseId: '9007199254740993',
  repository: { nameWithOwner: 'octocat/x' },
  number: 7,
  title: 't',
  body: '',
  state: 'CLOSED',
  stateReason: 'NOT_PLANNED',
  labels: { nodes: [{ name: 'b' }, null, { name: 'a' }] },
  assignees: { nodes: [] },
  milestone: null,
  author: { __typename: 'Bot', login: 'renovate' },
  comments: { totalCount: 3 },
};

describe('toRec', () => {
  it('reads what an object has, and leaves out what it does not', () => {
    expect(toRec(resource('issues'), node)).toEqual({
      key: 'I_1',
      values: {
        id: 'I_1',
        database_id: '9007199254740993',
        repository: 'octocat/x',
        number: 7,
        title: 't',
        body: null,
        state: 'closed',
        state_reason: 'not_planned',
        labels: ['a', 'b'],
        assignees: [],
        milestone_number: null,
        author: 'renovate[bot]',
        comments_count: 3,
      },
    });
  });

  it('leaves out what GitHub answered an error for: it is not null', () => {
    const { values } = toRec(resource('issues'), node, new Set(['milestone', 'author']));
    expect(Object.keys(values)).not.toContain('milestone_number');
    expect(Object.keys(values)).not.toContain('author');
  });

  it('follows the configuration’s names and choice of columns', () => {
    const issues = resource('issues');
    const columns = issues.columns
      .filter(({ field }) => ['id', 'milestone', 'title'].includes(field))
      .map((column) => ({ ...column, name: `x_${column.name}` }));
    expect(toRec({ ...issues, key: 'x_id', columns }, node)).toEqual({
      key: 'I_1',
      values: { x_id: 'I_1', x_title: 't', x_milestone_number: null },
    });
  });

  it('is the same for a comment of either API', () => {
    const rest = {
      id: 5,
      node_id: 'IC_5',
      html_url: 'https://github.com/octocat/x/pull/3#issuecomment-5',
      body: 'hi',
      user: { login: 'renovate[bot]', type: 'Bot' },
      author_association: 'NONE',
      created_at: '2025-01-01T00:00:00Z',
      updated_at: '2025-01-02T00:00:00Z',
    };
    const graph = {
      id: 'IC_5',
      fullDatabaseId: '5',
      url: 'https://github.com/octocat/x/pull/3#issuecomment-5',
      repository: { nameWithOwner: 'octocat/x' },
      body: 'hi',
      author: { __typename: 'Bot', login: 'renovate' },
      authorAssociation: 'NONE',
      createdAt: '2025-01-01T00:00:00Z',
      updatedAt: '2025-01-02T00:00:00Z',
    };
    const comments = resource('issue_comments');
    expect(toRec(comments, commentNode(rest))).toEqual(toRec(comments, graph));
    expect(toRec(comments, graph).values).toMatchObject({ issue_number: 3, on_pull_request: true });
  });

  it('is the same for a milestone of either API', () => {
    const times = { created_at: '2025-01-01T00:00:00Z', updated_at: '2025-01-02T00:00:00Z', closed_at: null };
    const rest = {
      ...times,
      node_id: 'MI_1',
      html_url: 'https://github.com/octocat/x/milestone/1',
      number: 1,
      title: 'v1',
      description: null,
      state: 'open',
      due_on: '2025-02-01T08:00:00Z',
      creator: { login: 'octocat', type: 'User' },
    };
    const graph = {
      id: 'MI_1',
      url: 'https://github.com/octocat/x/milestone/1',
      repository: { nameWithOwner: 'octocat/x' },
      number: 1,
      title: 'v1',
      description: '',
      state: 'OPEN',
      dueOn: '2025-02-01T08:00:00Z',
      creator: { __typename: 'User', login: 'octocat' },
      createdAt: times.created_at,
      updatedAt: times.updated_at,
      closedAt: null,
    };
    expect(toRec(resource('milestones'), milestoneNode(rest))).toEqual(toRec(resource('milestones'), graph));
  });
});

describe('matches', () => {
  const record = toRec(resource('issues'), node);
  it.each<[string, Record<string, JsonValue>, boolean]>([
    ['the same', { title: 't', labels: ['b', 'a'], milestone_number: null }, true],
    ['white space and case that GitHub does not keep', { title: ' t ', labels: ['A', 'B'] }, true],
    ['no body', { body: null }, true],
    ['an empty body', { body: '' }, true],
    ['another repository', { repository: 'Octocat/X' }, true],
    ['another title', { title: 'u' }, false],
    ['a title in another case', { title: 'T' }, false],
    ['fewer labels', { labels: ['a'] }, false],
    ['a milestone', { milestone_number: 1 }, false],
  ])('%s', (_, values, expected) => expect(matches(resource('issues'), record, values)).toBe(expected));
});

describe('members', () => {
  it('sorts by code point and drops repetitions', () => {
    expect(sorted(['b', 'A', 'a', 'b', 'é'])).toEqual(['A', 'a', 'b', 'é']);
  });

  it.each([
    [{ __typename: 'User', login: 'octocat' }, 'octocat'],
    [{ __typename: 'Bot', login: 'renovate' }, 'renovate[bot]'],
    [{ __typename: 'Bot', login: 'renovate[bot]' }, 'renovate[bot]'],
    [null, null],
  ])('login of %o', (actor, login) => expect(actorLogin(actor)).toBe(login));

  it.each<[unknown, number | null, boolean | null]>([
    ['https://github.com/o/n/issues/12#issuecomment-1', 12, false],
    ['https://ghe.example.com/o/n/pull/3#issuecomment-1', 3, true],
    ['https://github.com/o/n', null, null],
    [null, null, null],
  ])('where %s is', (url, number, onPull) => {
    expect(issueNumber(url)).toBe(number);
    expect(isOnPull(url)).toBe(onPull);
  });
});
