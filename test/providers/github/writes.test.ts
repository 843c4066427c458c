/** INSERT, UPDATE and DELETE on each of GitHub’s tables. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type GitHubSandbox, startGitHubSandbox } from '../../../fixtures/github/index.js';
import type { Values } from '../../../src/provider/index.js';
import { kinds, type Options, one, openOn, repository, write } from './support.js';

let sandbox: GitHubSandbox;

beforeAll(async () => {
  sandbox = await startGitHubSandbox({ issues: 4, pulls: 2, comments: 3 });
});
afterAll(() => sandbox.close());
beforeEach(() => sandbox.reset());

const open = (options: Options = {}) => openOn(sandbox, options);

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

  it('issues and pull requests: locked with a reason or none, and opened again', async () => {
    const session = await open();
    for (const [table, key] of [
      ['issues', sandbox.hub.issues[0]?.id ?? ''],
      ['pull_requests', sandbox.hub.pulls[0]?.id ?? ''],
    ] as const) {
      const locked = { locked: true, lock_reason: 'too_heated', title: 'Hot sand' };
      expect(await one(session, table, 'update', { key, values: locked })).toMatchObject(locked);
      const opened = { locked: false, lock_reason: null };
      expect(await one(session, table, 'update', { key, values: opened })).toMatchObject(opened);
      expect(await one(session, table, 'update', { key, values: { locked: true } })).toMatchObject({
        locked: true,
        lock_reason: null,
      });
      const { outcomes } = await write(session, table, 'update', [{ key, values: { lock_reason: 'spam' } }]);
      expect(outcomes).toMatchObject([{ fault: { sqlstate: '23514', column: 'lock_reason' } }]);
    }
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
