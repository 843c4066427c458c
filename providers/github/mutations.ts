/** Which mutations a row takes. Most take one; what GitHub has a mutation of its own for takes one more. */
import type { JsonValue, Verb } from '../../src/provider/index.js';
import { type Step, spread } from './documents.js';
import { listOf } from './mapping.js';
import type { ObjectName } from './tables.js';

/** The node ids behind the names that a row uses; absent where it uses none. */
export interface References {
  readonly repositoryId?: string;
  readonly ownerId?: string;
  /** The issue or pull request of a new comment. */
  readonly subjectId?: string;
  readonly labelIds?: readonly string[];
  readonly assigneeIds?: readonly string[];
  /** Null takes the milestone off. */
  readonly milestoneId?: string | null;
}

export interface RowInput {
  /** Node id; '' on insert. */
  readonly key: string;
  /** By GraphQL's name of the field. */
  readonly fields: ReadonlyMap<string, JsonValue>;
  readonly references: References;
}

type Input = Record<string, unknown>;

const payloads = {
  repository: `repository { ${spread('Repository')} }`,
  issue: `issue { ${spread('Issue')} }`,
  comment: `commentEdge { node { ${spread('IssueComment')} } }`,
  issueComment: `issueComment { ${spread('IssueComment')} }`,
  label: `label { ${spread('Label')} }`,
  pullRequest: `pullRequest { ${spread('PullRequest')} }`,
  lockedIssue: `lockedRecord { ${spread('Issue')} }`,
  unlockedIssue: `unlockedRecord { ${spread('Issue')} }`,
  lockedPull: `lockedRecord { ${spread('PullRequest')} }`,
  unlockedPull: `unlockedRecord { ${spread('PullRequest')} }`,
  nothing: 'clientMutationId',
} as const;

/** `createIssue` takes a `CreateIssueInput`: so for every mutation. */
function step(mutation: string, payload: keyof typeof payloads, input: Input): Step {
  const inputType = `${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}Input`;
  return { mutation, inputType, input, payload: payloads[payload] };
}

/** A text that the API does not take as null: the empty one clears it, or is refused in the API's own words. */
function textInput(input: Input, row: RowInput, names: readonly string[]): Input {
  for (const name of names) {
    const value = row.fields.get(name);
    if (value !== undefined) input[name] = value ?? '';
  }
  return input;
}

/** Flags and the like: NULL leaves the choice to GitHub. `names` are field names, or pairs of field and input name. */
function plainInput(input: Input, row: RowInput, names: readonly (string | readonly [string, string])[]): Input {
  for (const name of names) {
    const [field, member] = typeof name === 'string' ? [name, name] : name;
    const value = row.fields.get(field);
    if (value !== undefined && value !== null) input[member] = value;
  }
  return input;
}

function marksInput(input: Input, { references }: RowInput): Input {
  const { labelIds, assigneeIds, milestoneId } = references;
  if (labelIds !== undefined) input['labelIds'] = labelIds;
  if (assigneeIds !== undefined) input['assigneeIds'] = assigneeIds;
  if (milestoneId !== undefined) input['milestoneId'] = milestoneId;
  return input;
}

/** An enumeration's value as GraphQL writes it. */
function enumerated(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' ? value.toUpperCase() : undefined;
}

function issueInsert(row: RowInput): readonly Step[] {
  const input: Input = { repositoryId: row.references.repositoryId, title: '' };
  return [step('createIssue', 'issue', marksInput(textInput(input, row, ['title', 'body']), row))];
}

/** A lock has mutations of its own. What is to be locked is unlocked first only where that is what is asked for. */
function lockSteps(row: RowInput, kind: 'Issue' | 'Pull'): readonly Step[] {
  const locked = row.fields.get('locked');
  const lockReason = enumerated(row.fields.get('activeLockReason'));
  const input = { lockableId: row.key };
  if (locked === false) return [step('unlockLockable', `unlocked${kind}`, input)];
  if (locked !== true) return [];
  return [step('lockLockable', `locked${kind}`, lockReason === undefined ? input : { ...input, lockReason })];
}

/** A reason can be given to closeIssue only, which takes nothing else. */
function issueUpdate(row: RowInput): readonly Step[] {
  const state = enumerated(row.fields.get('state'));
  const stateReason = enumerated(row.fields.get('stateReason'));
  const closes = state === 'CLOSED' && stateReason !== undefined;
  const input = marksInput(textInput({}, row, ['title', 'body']), row);
  if (!closes && state !== undefined) input['state'] = state;
  const close = closes ? [step('closeIssue', 'issue', { issueId: row.key, stateReason })] : [];
  const lock = lockSteps(row, 'Issue');
  const rest = Object.keys(input).length > 0 || close.length + lock.length === 0;
  return [...close, ...(rest ? [step('updateIssue', 'issue', { id: row.key, ...input })] : []), ...lock];
}

function pullInsert(row: RowInput): readonly Step[] {
  const input: Input = { repositoryId: row.references.repositoryId, title: '', baseRefName: '', headRefName: '' };
  textInput(input, row, ['title', 'body', 'baseRefName', 'headRefName']);
  plainInput(input, row, [['isDraft', 'draft'], 'maintainerCanModify']);
  return [step('createPullRequest', 'pullRequest', input)];
}

function pullUpdate(row: RowInput): readonly Step[] {
  const input = marksInput(textInput({}, row, ['title', 'body', 'baseRefName']), row);
  plainInput(input, row, ['maintainerCanModify']);
  const state = enumerated(row.fields.get('state'));
  if (state !== undefined) input['state'] = state;
  const isDraft = row.fields.get('isDraft');
  const mutation = isDraft === true ? 'convertPullRequestToDraft' : 'markPullRequestReadyForReview';
  const draft = typeof isDraft === 'boolean' ? [step(mutation, 'pullRequest', { pullRequestId: row.key })] : [];
  const lock = lockSteps(row, 'Pull');
  if (Object.keys(input).length === 0 && draft.length + lock.length > 0) return [...draft, ...lock];
  const update = [step('updatePullRequest', 'pullRequest', { pullRequestId: row.key, ...input })];
  // Only an open pull request can become a draft, or stop being one.
  return [...(state === 'CLOSED' ? [...draft, ...update] : [...update, ...draft]), ...lock];
}

function repositoryInsert(row: RowInput): readonly Step[] {
  const input: Input = {
    ownerId: row.references.ownerId,
    name: '',
    visibility: enumerated(row.fields.get('visibility')),
  };
  textInput(input, row, ['name', 'description']);
  plainInput(input, row, ['homepageUrl', 'hasIssuesEnabled', 'hasWikiEnabled', ['isTemplate', 'template']]);
  return [step('createRepository', 'repository', input)];
}

/** An archived repository is read-only: it is taken out of the archive first, and put into it last. */
function repositoryUpdate(row: RowInput): readonly Step[] {
  const repositoryId = row.key;
  const input = textInput({}, row, ['name', 'description', 'homepageUrl']);
  plainInput(input, row, ['hasIssuesEnabled', 'hasWikiEnabled', 'hasProjectsEnabled', 'hasDiscussionsEnabled']);
  plainInput(input, row, [['isTemplate', 'template']]);
  const topics = row.fields.get('repositoryTopics');
  const archived = row.fields.get('isArchived');
  const steps: Step[] = [];
  if (archived === false) steps.push(step('unarchiveRepository', 'repository', { repositoryId }));
  if (Object.keys(input).length > 0) steps.push(step('updateRepository', 'repository', { repositoryId, ...input }));
  if (topics !== undefined) {
    steps.push(step('updateTopics', 'repository', { repositoryId, topicNames: listOf(topics) }));
  }
  if (archived === true) steps.push(step('archiveRepository', 'repository', { repositoryId }));
  return steps.length > 0 ? steps : [step('updateRepository', 'repository', { repositoryId })];
}

const defaultColor = 'ededed';

function labelInsert(row: RowInput): readonly Step[] {
  const input: Input = { repositoryId: row.references.repositoryId, name: '', color: defaultColor };
  textInput(input, row, ['name', 'description']);
  return [step('createLabel', 'label', plainInput(input, row, ['color']))];
}

type Build = (row: RowInput) => readonly Step[];

/** What is not here, GraphQL has no mutation for. */
const builders: Readonly<Partial<Record<`${Verb} ${ObjectName}`, Build>>> = {
  'insert Issue': issueInsert,
  'update Issue': issueUpdate,
  'delete Issue': ({ key }) => [step('deleteIssue', 'nothing', { issueId: key })],
  'insert IssueComment': (row) => [
    step('addComment', 'comment', textInput({ subjectId: row.references.subjectId, body: '' }, row, ['body'])),
  ],
  'update IssueComment': (row) => [
    step('updateIssueComment', 'issueComment', textInput({ id: row.key, body: '' }, row, ['body'])),
  ],
  'delete IssueComment': ({ key }) => [step('deleteIssueComment', 'nothing', { id: key })],
  'insert Label': labelInsert,
  'update Label': (row) => [
    step('updateLabel', 'label', textInput({ id: row.key }, row, ['name', 'color', 'description'])),
  ],
  'delete Label': ({ key }) => [step('deleteLabel', 'nothing', { id: key })],
  'insert PullRequest': pullInsert,
  'update PullRequest': pullUpdate,
  'insert Repository': repositoryInsert,
  'update Repository': repositoryUpdate,
};

/** The mutations of one row, or undefined where GraphQL has none for this verb and object. */
export function stepsOf(verb: Verb, object: ObjectName, row: RowInput): readonly Step[] | undefined {
  return builders[`${verb} ${object}`]?.(row);
}

/** Whether writes of this kind go through the REST API, one request a row. */
export function isRest(verb: Verb, object: string): boolean {
  return !(`${verb} ${object}` in builders);
}
