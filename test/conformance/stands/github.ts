/** GitHub in the conformance suite: the project's own sandbox, as an App's installation, on the table of issues. */
import { generateKeyPairSync } from 'node:crypto';
import { createIssue, deleteRecord, entity, updateIssue } from '../../../fixtures/github/changes.js';
import {
  CREDENTIALS,
  type FaultAction,
  type GitHubSandbox,
  githubFaults,
  startGitHubSandbox,
} from '../../../fixtures/github/index.js';
import type { Exceptions, Kept, Refusal, Stand, Trouble } from '../stand.js';

const repository = 'caladan/harvester';
const pageSize = 50;

const refusals: readonly Refusal[] = [
  {
    name: 'title that is too long',
    values: { title: 'x'.repeat(257) },
    sqlstate: '22001',
    column: 'title',
    detail: `Key (title)=(${'x'.repeat(99)}…) is longer than 256 characters.`,
  },
  {
    name: 'required title cleared',
    values: { title: null },
    sqlstate: '23502',
    column: 'title',
    detail: 'Column "title" is required and has no value.',
  },
  { name: 'title of white space', values: { title: '  ' }, sqlstate: '23502', column: 'title' },
  { name: 'body that is too long', values: { body: 'x'.repeat(65_537) }, sqlstate: '22001', column: 'body' },
  {
    name: 'label that there is not',
    values: { labels: ['bug', 'nope'] },
    sqlstate: '23503',
    column: 'labels',
    detail: `Key (labels)=(nope) is not present in the labels of ${repository}.`,
  },
  {
    name: 'person that there is not',
    values: { assignees: ['harkonnen'] },
    sqlstate: '23503',
    column: 'assignees',
    detail: 'Key (assignees)=(harkonnen) is not present in github.',
  },
  {
    name: 'milestone that there is not',
    values: { milestone_number: 99 },
    sqlstate: '23503',
    column: 'milestone_number',
    detail: `Key (milestone_number)=(99) is not present in the milestones of ${repository}.`,
  },
  {
    name: 'repository that there is not',
    values: { repository: 'caladan/nowhere' },
    sqlstate: '23503',
    column: 'repository',
    detail: 'Key (repository)=(caladan/nowhere) is not present in github.',
  },
];

const kept: readonly Kept[] = [
  { name: 'empty body', column: 'body', given: '', kept: null },
  { name: 'no body', column: 'body', given: null, kept: null },
  { name: 'longest title', column: 'title', given: 'é'.repeat(256), kept: 'é'.repeat(256) },
  { name: 'labels in any order and case', column: 'labels', given: ['Question', 'bug'], kept: ['bug', 'question'] },
  { name: 'label named twice', column: 'labels', given: ['bug', 'BUG'], kept: ['bug'] },
  { name: 'no labels', column: 'labels', given: [], kept: [] },
  { name: 'NULL for labels', column: 'labels', given: null, kept: [] },
  {
    name: 'assignees in any order and case',
    column: 'assignees',
    given: ['Paul-Atreides', 'lady-jessica'],
    kept: ['lady-jessica', 'paul-atreides'],
  },
  { name: 'milestone', column: 'milestone_number', given: 2, kept: 2 },
  { name: 'no milestone', column: 'milestone_number', given: null, kept: null },
  { name: 'repository in another case', column: 'repository', given: 'Caladan/HARVESTER', kept: repository },
];

function actionOf(trouble: Trouble): FaultAction {
  switch (trouble.kind) {
    case 'cut':
      return { kind: 'cut', phase: trouble.phase };
    case 'silence':
      return { kind: 'hold', phase: trouble.phase };
    case 'rate':
      return githubFaults.secondaryLimit(trouble.seconds, 429);
    // GitHub has no answer of its own for this: it says that one should wait.
    case 'busy':
      return githubFaults.secondaryLimit(0);
    case 'crash':
      return githubFaults.timeout;
  }
}

function stand(sandbox: GitHubSandbox): Stand {
  const { appId, installationId } = CREDENTIALS;
  const auth = {
    kind: 'app',
    app_id: appId,
    installation_id: installationId,
    private_key: sandbox.settings.privateKey,
  };
  const stranger = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const base = { auth, base_url: sandbox.url, owners: ['caladan'], page_size: pageSize };
  const home = () => {
    const found = sandbox.hub.repository(repository);
    if (found === undefined) throw new Error(`the sandbox has no ${repository}`);
    return found;
  };
  const issue = (key: string) => entity(sandbox.hub, key, 'issue');
  return {
    config: base,
    badConfig: { ...base, auth: { ...auth, private_key: stranger.privateKey } },
    wrongConfigs: [
      [{ owners: ['caladan'] }, 'auth is missing'],
      [{ ...base, owners: [] }, 'owners or repositories must name what is synced'],
      [{ ...base, auth: { ...auth, private_key: 'secret' } }, 'auth.private_key must be the PEM text'],
    ],
    table: 'issues',
    tables: ['issue_comments', 'issues', 'labels', 'milestones', 'pull_requests', 'repositories'],
    limits: { insert: 100, update: 100, delete: 100 },
    pageSize,
    mark: 'body',
    readOnly: 'updated_at',
    fresh: (mark) => ({ repository, title: `Title of ${mark}`, body: mark }),
    refusals,
    kept,
    state: () => new Map(sandbox.hub.issues.map(({ id, body }) => [id, body === '' ? null : body])),
    upstream: {
      insert: (mark) => createIssue(sandbox.colleague, home(), 'Upstream', mark, {}).id,
      update: (key, mark) => updateIssue(sandbox.colleague, issue(key), { body: mark }),
      delete: (key) => deleteRecord(sandbox.colleague, issue(key)),
    },
    missingKey: 'I_kwDOAAAAAc4A_____',
    writes: () => sandbox.writes(),
    trouble: (trouble, { times = 1, reads = false } = {}) => {
      const path = reads ? '/graphql*' : '/graphql#mutation*';
      return sandbox.faults.add({ path, times, action: actionOf(trouble) });
    },
    expireToken: () => sandbox.expireTokens(),
    advance: (millis) => sandbox.clock.advance(millis),
    reset: () => sandbox.reset(),
    close: () => sandbox.close(),
  };
}

export async function start(): Promise<Stand> {
  const creations = { creationsPerMinute: 100_000, creationsPerHour: 100_000 };
  return stand(await startGitHubSandbox({ issues: 5, pulls: 3, comments: 5, hourlyLimit: 1_000_000, ...creations }));
}

export const exceptions: Exceptions = {};
