/** Every document is held to GitHub's own schema: what does not fit it would be refused as a whole. */
import { schema } from '@octokit/graphql-schema';
import { buildSchema, parse, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import type { JsonValue, Verb } from '../../src/provider/index.js';
import {
  fragment,
  listDocument,
  mutationDocument,
  namedDocument,
  nodesDocument,
  ownedDocument,
  probeDocument,
  spread,
  viewerDocument,
} from './documents.js';
import { isRest, stepsOf } from './mutations.js';
import { homesDocument, lookupDocument } from './refs.js';
import { type ObjectName, tables } from './tables.js';

// The package's own validate() has an older form of the schema.
const official = buildSchema(schema.idl, { assumeValidSDL: true });

function flaws(document: string): readonly string[] {
  return validate(official, parse(document)).map(({ message }) => message);
}

/** Each mutation of GitHub's that this provider may send, by a row that makes it do so. */
const rows: readonly (readonly [Verb, ObjectName, Readonly<Record<string, JsonValue>>, readonly string[]])[] = [
  ['insert', 'Issue', { title: 't', body: 'b', labels: ['bug'] }, ['createIssue']],
  ['update', 'Issue', { title: 't', state: 'closed' }, ['updateIssue']],
  ['update', 'Issue', { state: 'closed', stateReason: 'not_planned' }, ['closeIssue']],
  ['update', 'Issue', { state: 'closed', stateReason: 'duplicate', body: null }, ['closeIssue', 'updateIssue']],
  ['update', 'Issue', { state: 'open', stateReason: 'reopened' }, ['updateIssue']],
  ['update', 'Issue', { locked: true, activeLockReason: 'too_heated' }, ['lockLockable']],
  ['update', 'Issue', { locked: false, title: 't' }, ['updateIssue', 'unlockLockable']],
  ['delete', 'Issue', {}, ['deleteIssue']],
  ['insert', 'IssueComment', { body: 'b' }, ['addComment']],
  ['update', 'IssueComment', { body: 'b' }, ['updateIssueComment']],
  ['delete', 'IssueComment', {}, ['deleteIssueComment']],
  ['insert', 'Label', { name: 'n' }, ['createLabel']],
  ['update', 'Label', { name: 'n', color: 'ffffff', description: null }, ['updateLabel']],
  ['delete', 'Label', {}, ['deleteLabel']],
  ['insert', 'PullRequest', { title: 't', baseRefName: 'main', headRefName: 'x' }, ['createPullRequest']],
  ['update', 'PullRequest', { isDraft: true }, ['convertPullRequestToDraft']],
  ['update', 'PullRequest', { isDraft: false }, ['markPullRequestReadyForReview']],
  ['update', 'PullRequest', { state: 'closed', isDraft: true }, ['convertPullRequestToDraft', 'updatePullRequest']],
  ['update', 'PullRequest', { state: 'open', isDraft: false }, ['updatePullRequest', 'markPullRequestReadyForReview']],
  ['update', 'PullRequest', { locked: true }, ['lockLockable']],
  ['update', 'PullRequest', { locked: false, title: 't' }, ['updatePullRequest', 'unlockLockable']],
  ['insert', 'Repository', { name: 'n', visibility: 'private' }, ['createRepository']],
  ['update', 'Repository', { description: null }, ['updateRepository']],
  ['update', 'Repository', { isArchived: false, name: 'n' }, ['unarchiveRepository', 'updateRepository']],
  [
    'update',
    'Repository',
    { isArchived: true, repositoryTopics: ['x'], hasWikiEnabled: false },
    ['updateRepository', 'updateTopics', 'archiveRepository'],
  ],
];

const references = {
  repositoryId: 'R_1',
  ownerId: 'O_1',
  subjectId: 'I_1',
  labelIds: ['LA_1'],
  assigneeIds: ['U_1'],
  milestoneId: null,
};

describe('mutations', () => {
  it.each(rows)('%s on %s with %o sends %o, which fits the schema', (verb, object, values, mutations) => {
    const isIssue = object === 'Issue' && verb !== 'delete' && !('stateReason' in values || 'locked' in values);
    const used = verb === 'insert' || isIssue ? references : {};
    const steps =
      stepsOf(verb, object, { key: 'X_1', fields: new Map(Object.entries(values)), references: used }) ?? [];
    expect(steps.map(({ mutation }) => mutation)).toEqual(mutations);
    const { document, variables } = mutationDocument(
      steps.map((step, index) => ({ alias: `r0s${index}`, step })),
      object,
    );
    expect(flaws(document)).toEqual([]);
    expect(Object.keys(variables)).toEqual(mutations.map((_, index) => `r0s${index}`));
  });

  it('puts a hundred of them in one document', () => {
    const [step] = stepsOf('insert', 'Issue', { key: '', fields: new Map([['title', 't']]), references }) ?? [];
    if (step === undefined) throw new Error('there is no mutation');
    const sent = Array.from({ length: 100 }, (_, index) => ({ alias: `r${index}s0`, step }));
    const { document } = mutationDocument(sent, 'Issue');
    expect(flaws(document)).toEqual([]);
    expect(document.match(/createIssue\(/g)).toHaveLength(100);
  });

  it('never puts a value into the text', () => {
    const nasty = '"}) { x } } mutation { deleteIssue(input: {issueId: "I_1"}) { x } #';
    const fields = new Map([['title', nasty]]);
    const [step] = stepsOf('insert', 'Issue', { key: '', fields, references }) ?? [];
    if (step === undefined) throw new Error('there is no mutation');
    const { document, variables } = mutationDocument([{ alias: 'r0s0', step }], 'Issue');
    expect(document).not.toContain('deleteIssue');
    expect(variables).toMatchObject({ r0s0: { title: nasty } });
  });

  it('knows what only the REST API writes', () => {
    const rest = [...tables.keys()].flatMap((object) =>
      (['insert', 'update', 'delete'] as const)
        .filter((verb) => isRest(verb, object))
        .map((verb) => `${verb} ${object}`),
    );
    expect(rest.sort()).toEqual([
      'delete Milestone',
      'delete PullRequest',
      'delete Repository',
      'insert Milestone',
      'update Milestone',
    ]);
  });
});

describe('queries', () => {
  const list = { order: 'CREATED_AT', direction: 'ASC' } as const;
  it.each<[string, string]>([
    ['a record of each table', [...tables.values()].map(({ object }) => nodesDocument(object)).join('§')],
    [
      'issues since',
      listDocument({ ...list, connection: 'issues', object: 'Issue', since: true, order: 'UPDATED_AT' }),
    ],
    ['pull requests', listDocument({ ...list, connection: 'pullRequests', object: 'PullRequest', direction: 'DESC' })],
    ['labels', listDocument({ ...list, connection: 'labels', object: 'Label' })],
    ['milestones', listDocument({ ...list, connection: 'milestones', object: 'Milestone', order: 'UPDATED_AT' })],
    ['probes', [probeDocument('issues'), probeDocument('pullRequests'), probeDocument('milestones')].join('§')],
    ['an owner’s repositories', ownedDocument(spread('Repository'), fragment('Repository'))],
    ['repositories with counts', namedDocument(2, 'count: issues { totalCount }', '')],
    ['who we are', viewerDocument],
    ['where records are', homesDocument],
    [
      'names',
      lookupDocument([
        { kind: 'owner', name: 'o' },
        { kind: 'user', name: 'u' },
        { kind: 'repository', repository: 'o/n' },
        { kind: 'label', repository: 'o/n', name: 'bug' },
        { kind: 'milestone', repository: 'o/n', number: 1 },
        { kind: 'subject', repository: 'o/n', number: 2 },
      ]).document,
    ],
  ])('%s fit the schema', (_, documents) => {
    for (const document of documents.split('§')) expect(flaws(document)).toEqual([]);
  });

  it('a document that does not fit is told', () => {
    expect(flaws('query { viewer { shoeSize } }')).toHaveLength(1);
  });
});
