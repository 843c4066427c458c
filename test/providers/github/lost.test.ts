/** Records of an insert whose answer was lost. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createIssue } from '../../../fixtures/github/changes.js';
import { type GitHubSandbox, startGitHubSandbox } from '../../../fixtures/github/index.js';
import type { Values } from '../../../src/provider/index.js';
import { applied, batch, kinds, type Options, openOn, repository, signal, tableOf } from './support.js';

let sandbox: GitHubSandbox;

beforeAll(async () => {
  sandbox = await startGitHubSandbox({ issues: 4, pulls: 2, comments: 3 });
});
afterAll(() => sandbox.close());
beforeEach(() => sandbox.reset());

const open = (options: Options = {}) => openOn(sandbox, options);

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
