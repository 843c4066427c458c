/**
 * The six tables as data: their columns, and where in a GraphQL object each has its value. GitHub describes its objects
 * by a schema that is the same for everyone, so that nothing is asked for at run time.
 * Source: GitHub's public GraphQL schema (@octokit/graphql-schema).
 */
import {
  actor,
  association,
  author,
  body,
  closedAt,
  commentsCount,
  createdAt,
  databaseId,
  type Field,
  flag,
  id,
  locks,
  lower,
  marks,
  number,
  repository,
  title,
  updatedAt,
  url,
} from './fields.js';
import { actorLogin, branchName, isOnPull, issueNumber, textOf, topicsOf } from './nodes.js';

export type ObjectName = 'Repository' | 'Issue' | 'IssueComment' | 'Label' | 'Milestone' | 'PullRequest';

export interface Table {
  readonly name: string;
  readonly object: ObjectName;
  readonly fields: readonly Field[];
  /** The field whose value grows with every change. */
  readonly version?: string;
  /** Selected besides the columns. */
  readonly extra?: string;
  readonly comment: string;
}

const repositories: Table = {
  name: 'repositories',
  object: 'Repository',
  version: 'updatedAt',
  comment: 'Repositories of the owners and names in the configuration.',
  fields: [
    id('Node id; stays the same when the repository is renamed or transferred.'),
    { name: 'database_id', field: 'databaseId', type: 'bigint', nullable: true, comment: 'The REST API’s id.' },
    {
      name: 'owner',
      field: 'owner',
      type: 'text',
      set: 'i',
      required: true,
      select: 'owner { login }',
      read: (value) => textOf(value, 'login'),
      comment: 'Login of the user or organization.',
    },
    { name: 'name', field: 'name', type: 'text', set: 'iu', required: true, maxLength: 100 },
    { name: 'full_name', field: 'nameWithOwner', type: 'text', comment: 'Owner and name.' },
    { name: 'description', field: 'description', type: 'text', nullable: true, set: 'iu', maxLength: 350 },
    { name: 'homepage_url', field: 'homepageUrl', type: 'text', nullable: true, set: 'iu' },
    {
      name: 'visibility',
      field: 'visibility',
      type: 'text',
      set: 'i',
      required: true,
      choices: ['public', 'private', 'internal'],
      read: lower,
    },
    flag('is_private', 'isPrivate'),
    flag('is_fork', 'isFork'),
    flag('is_template', 'isTemplate', 'iu'),
    flag('is_archived', 'isArchived', 'u'),
    flag('is_disabled', 'isDisabled'),
    flag('has_issues', 'hasIssuesEnabled', 'iu'),
    flag('has_wiki', 'hasWikiEnabled', 'iu'),
    flag('has_projects', 'hasProjectsEnabled', 'u'),
    flag('has_discussions', 'hasDiscussionsEnabled', 'u'),
    {
      name: 'topics',
      field: 'repositoryTopics',
      type: 'text[]',
      set: 'u',
      select: 'repositoryTopics(first: 100) { nodes { topic { name } } }',
      read: topicsOf,
      comment: 'In alphabetical order. Setting it replaces all.',
    },
    {
      name: 'default_branch',
      field: 'defaultBranchRef',
      type: 'text',
      nullable: true,
      select: 'defaultBranchRef { name }',
      read: (value) => textOf(value, 'name'),
    },
    {
      name: 'language',
      field: 'primaryLanguage',
      type: 'text',
      nullable: true,
      select: 'primaryLanguage { name }',
      read: (value) => textOf(value, 'name'),
    },
    {
      name: 'license',
      field: 'licenseInfo',
      type: 'text',
      nullable: true,
      select: 'licenseInfo { spdxId }',
      read: (value) => textOf(value, 'spdxId'),
      comment: 'SPDX id.',
    },
    { name: 'stargazers_count', field: 'stargazerCount', type: 'integer' },
    { name: 'forks_count', field: 'forkCount', type: 'integer' },
    { name: 'disk_usage', field: 'diskUsage', type: 'integer', nullable: true, comment: 'Kilobytes.' },
    url,
    createdAt,
    updatedAt,
    { name: 'pushed_at', field: 'pushedAt', type: 'timestamptz', nullable: true },
    { name: 'archived_at', field: 'archivedAt', type: 'timestamptz', nullable: true },
  ],
};

const issues: Table = {
  name: 'issues',
  object: 'Issue',
  version: 'updatedAt',
  extra: 'viewerDidAuthor',
  comment: 'Issues, without pull requests.',
  fields: [
    id('Node id.'),
    databaseId,
    repository,
    number,
    title(256),
    body(true),
    { name: 'state', field: 'state', type: 'text', set: 'u', choices: ['open', 'closed'], read: lower },
    {
      name: 'state_reason',
      field: 'stateReason',
      type: 'text',
      nullable: true,
      set: 'u',
      choices: ['completed', 'not_planned', 'duplicate', 'reopened'],
      select: 'stateReason(enableDuplicate: true)',
      read: lower,
      comment: 'Why it was closed; set together with state.',
    },
    ...marks('iu'),
    author,
    association,
    ...locks,
    commentsCount,
    url,
    createdAt,
    updatedAt,
    closedAt,
  ],
};

const pullRequests: Table = {
  name: 'pull_requests',
  object: 'PullRequest',
  version: 'updatedAt',
  extra: 'viewerDidAuthor',
  comment: 'Pull requests.',
  fields: [
    id('Node id.'),
    databaseId,
    repository,
    number,
    title(256),
    body(true),
    { name: 'state', field: 'state', type: 'text', set: 'u', choices: ['open', 'closed', 'merged'], read: lower },
    flag('is_draft', 'isDraft', 'iu'),
    {
      name: 'base_branch',
      field: 'baseRefName',
      type: 'text',
      set: 'iu',
      required: true,
      comment: 'The branch that it is to be merged into.',
    },
    {
      name: 'head_branch',
      field: 'headRefName',
      type: 'text',
      set: 'i',
      required: true,
      read: branchName,
      comment: 'The branch with the changes; owner:branch for one in a fork.',
    },
    {
      name: 'head_repository',
      field: 'headRepository',
      type: 'text',
      nullable: true,
      select: 'headRepository { nameWithOwner }',
      read: (value) => textOf(value, 'nameWithOwner'),
    },
    { name: 'head_sha', field: 'headRefOid', type: 'text' },
    { name: 'base_sha', field: 'baseRefOid', type: 'text' },
    ...marks('u'),
    flag('maintainer_can_modify', 'maintainerCanModify', 'iu'),
    { name: 'review_decision', field: 'reviewDecision', type: 'text', nullable: true, read: lower },
    author,
    association,
    ...locks,
    { name: 'comments_count', field: 'totalCommentsCount', type: 'integer', nullable: true },
    url,
    createdAt,
    updatedAt,
    closedAt,
    { name: 'merged_at', field: 'mergedAt', type: 'timestamptz', nullable: true },
    {
      name: 'merged_by',
      field: 'mergedBy',
      type: 'text',
      nullable: true,
      select: `mergedBy ${actor}`,
      read: actorLogin,
    },
  ],
};

const comments: Table = {
  name: 'issue_comments',
  object: 'IssueComment',
  version: 'updatedAt',
  extra: 'viewerDidAuthor',
  comment: 'Comments on issues and in the conversation of pull requests; not review comments.',
  fields: [
    id('Node id.'),
    databaseId,
    repository,
    {
      name: 'issue_number',
      field: 'issueNumber',
      type: 'integer',
      set: 'i',
      required: true,
      references: ['Issue', 'PullRequest'],
      from: 'url',
      select: 'url',
      read: issueNumber,
      comment: 'The number of the issue or pull request in its repository.',
    },
    {
      name: 'on_pull_request',
      field: 'isOnPullRequest',
      type: 'boolean',
      from: 'url',
      select: 'url',
      read: isOnPull,
    },
    body(false),
    author,
    association,
    url,
    createdAt,
    updatedAt,
  ],
};

const labels: Table = {
  name: 'labels',
  object: 'Label',
  version: 'updatedAt',
  comment: 'Labels of each repository.',
  fields: [
    id('Node id; stays the same when the label is renamed.'),
    repository,
    { name: 'name', field: 'name', type: 'text', set: 'iu', required: true, maxLength: 50 },
    {
      name: 'color',
      field: 'color',
      type: 'text',
      set: 'iu',
      maxLength: 6,
      comment: 'Six hexadecimal digits without #; ededed unless given.',
    },
    { name: 'description', field: 'description', type: 'text', nullable: true, set: 'iu', maxLength: 100 },
    flag('is_default', 'isDefault'),
    url,
    { ...createdAt, nullable: true },
    { ...updatedAt, nullable: true },
  ],
};

const milestones: Table = {
  name: 'milestones',
  object: 'Milestone',
  version: 'updatedAt',
  comment: 'Milestones of each repository.',
  fields: [
    id('Node id.'),
    repository,
    number,
    title(255),
    { name: 'description', field: 'description', type: 'text', nullable: true, set: 'iu' },
    { name: 'state', field: 'state', type: 'text', set: 'iu', choices: ['open', 'closed'], read: lower },
    {
      name: 'due_on',
      field: 'dueOn',
      type: 'timestamptz',
      nullable: true,
      set: 'iu',
      comment: 'GitHub keeps the date and chooses the time of day.',
    },
    { name: 'creator', field: 'creator', type: 'text', nullable: true, select: `creator ${actor}`, read: actorLogin },
    url,
    createdAt,
    updatedAt,
    closedAt,
  ],
};

const all: readonly Table[] = [repositories, issues, comments, labels, milestones, pullRequests];

export const tables: ReadonlyMap<string, Table> = new Map(all.map((table) => [table.object, table]));

/** The table of an object's name. Throws for a name that no resource of this provider has. */
export function tableOf(object: string): Table {
  const table = tables.get(object);
  if (table === undefined) throw new Error(`github has no object "${object}"`);
  return table;
}
