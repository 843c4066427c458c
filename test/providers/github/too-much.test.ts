/** Requests that ask GitHub for more than it does at once: mutations that it leaves out, listings that it cuts short. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type GitHubSandbox, githubFaults, startGitHubSandbox } from '../../../fixtures/github/index.js';
import type { Json } from '../../../fixtures/kit/index.js';
import type { Values } from '../../../src/provider/index.js';
import { all, applied, kinds, openOn, repository, signal, tableOf, write } from './support.js';

let sandbox: GitHubSandbox;

beforeAll(async () => {
  sandbox = await startGitHubSandbox({ issues: 9, pulls: 2, comments: 3 });
});
afterAll(() => sandbox.close());
beforeEach(() => sandbox.reset());

const labels = (count: number): { readonly values: Values }[] =>
  Array.from({ length: count }, (_, index) => ({ values: { repository, name: `label ${index}`, color: 'ffffff' } }));

describe('mutations', () => {
  it('that are left out are sent in a request of their own', async () => {
    const session = await openOn(sandbox);
    const { outcomes } = await write(session, 'labels', 'insert', labels(100));
    expect(outcomes.map((outcome) => applied(outcome).values['name'])).toEqual(
      labels(100).map(({ values }) => values['name']),
    );
    expect(sandbox.writes()).toBe(2);
    expect(sandbox.hub.labels.filter(({ name }) => name.startsWith('label '))).toHaveLength(100);
  });

  it('that were applied stay told so when the rest cannot be sent, or is lost', async () => {
    for (const [action, code] of [
      [githubFaults.secondaryLimit(600), 'rate_limited'],
      [{ kind: 'cut', phase: 'after' } as const, 'outcome_unknown'],
    ] as const) {
      sandbox.reset();
      const session = await openOn(sandbox);
      sandbox.faults.add({ path: '/graphql#mutation*', skip: 1, action });
      const { outcomes } = await write(session, 'labels', 'insert', labels(80));
      expect(kinds(outcomes)).toEqual([...Array(75).fill('applied'), ...Array(5).fill(code)]);
    }
  });

  it('of a row that takes two are told together', async () => {
    const tight = await startGitHubSandbox({ issues: 3, pulls: 0, comments: 0, mutationsPerRequest: 3 });
    try {
      const session = await openOn(tight);
      const rows = tight.hub.issues
        .slice(0, 2)
        .map(({ id }) => ({ key: id, values: { title: 'shut', state: 'closed', state_reason: 'not_planned' } }));
      const { outcomes } = await write(session, 'issues', 'update', rows);
      expect(outcomes.map((outcome) => applied(outcome).values)).toMatchObject([
        { title: 'shut', state: 'closed', state_reason: 'not_planned' },
        { title: 'shut', state: 'closed', state_reason: 'not_planned' },
      ]);
      expect(tight.writes()).toBe(2);
    } finally {
      await tight.close();
    }
  });

  it('of which not even one is run are an outage', async () => {
    const stuck = await startGitHubSandbox({ issues: 3, pulls: 0, comments: 0, mutationsPerRequest: 0 });
    try {
      const session = await openOn(stuck);
      const { outcomes } = await write(session, 'labels', 'insert', labels(3));
      expect(kinds(outcomes)).toEqual(Array(3).fill('upstream_unavailable'));
      expect(outcomes[0]).toMatchObject({ fault: { context: expect.stringContaining('RESOURCE_LIMITS_EXCEEDED') } });
    } finally {
      await stuck.close();
    }
  });
});

const tooMuch = (data: Json, path: readonly (string | number)[]) => ({
  kind: 'respond' as const,
  status: 200,
  headers: { 'content-type': 'application/json; charset=utf-8' },
  body: {
    data,
    errors: [{ type: 'RESOURCE_LIMITS_EXCEEDED', path, message: 'Resource limits for this query exceeded.' }],
  },
});

describe('listings', () => {
  it.each([
    ['the repositories', 'Owned', tooMuch({ repositoryOwner: null }, ['repositoryOwner', 'repositories'])],
    ['the records', 'List', tooMuch({ node: { list: null } }, ['node', 'list'])],
    [
      'a member of a record',
      'List',
      tooMuch({ node: { list: { nodes: [{ id: 'I_x', labels: null }] } } }, ['node', 'list', 'nodes', 0, 'labels']),
    ],
  ])('that are cut short at %s are asked for again in smaller pages', async (_, name, action) => {
    const session = await openOn(sandbox);
    sandbox.faults.add({ path: `/graphql#query ${name}`, action });
    const rows = await all(session, 'issues');
    expect([...rows.keys()].sort()).toEqual(sandbox.hub.issues.map(({ id }) => id).sort());
  });

  it('of records by their keys are, too', async () => {
    const session = await openOn(sandbox);
    const keys = sandbox.hub.issues.map(({ id }) => id);
    const issues = await tableOf(session, 'issues');
    sandbox.faults.add({ path: '/graphql#query Read', action: tooMuch({ nodes: keys.map(() => null) }, ['nodes', 3]) });
    const found = await session.read(issues, keys, signal);
    expect(found.map((record) => record?.key)).toEqual(keys);
  });
});
