/** What a column is, and the columns that several tables have. */
import type { ColumnType, JsonValue } from '../../src/provider/index.js';
import { actorLogin, loginsOf, namesOf, numberOf, textOf } from './nodes.js';

export interface Field {
  readonly name: string;
  /** GraphQL's name of it; unique in its table. */
  readonly field: string;
  readonly type: ColumnType;
  readonly nullable?: true;
  /** May be set by: `i`nsert, `u`pdate. */
  readonly set?: 'i' | 'u' | 'iu';
  readonly required?: true;
  readonly maxLength?: number;
  readonly choices?: readonly string[];
  readonly references?: readonly string[];
  readonly comment?: string;
  /** What is selected, where it differs from the field's own name. */
  readonly select?: string;
  /** The member of the object that holds it; the field's own name where absent. */
  readonly from?: string;
  /** Reads that member; absent takes a scalar as it is. */
  readonly read?: (value: unknown) => JsonValue;
}

export const actor = '{ __typename login }';
export const lower = (value: unknown): JsonValue => (typeof value === 'string' ? value.toLowerCase() : null);

export const id = (comment: string): Field => ({ name: 'id', field: 'id', type: 'text', comment });
export const databaseId: Field = {
  name: 'database_id',
  field: 'fullDatabaseId',
  type: 'bigint',
  nullable: true,
  comment: 'The number that the REST API calls id.',
};
export const repository: Field = {
  name: 'repository',
  field: 'repository',
  type: 'text',
  set: 'i',
  required: true,
  references: ['Repository'],
  select: 'repository { nameWithOwner }',
  read: (value) => textOf(value, 'nameWithOwner'),
  comment: 'Owner and name, such as octocat/hello-world.',
};
export const body = (nullable: boolean): Field => ({
  name: 'body',
  field: 'body',
  type: 'text',
  set: 'iu',
  maxLength: 65_536,
  ...(nullable ? { nullable: true } : { required: true }),
  comment: 'Markdown.',
});
export const author: Field = {
  name: 'author',
  field: 'author',
  type: 'text',
  nullable: true,
  select: `author ${actor}`,
  read: actorLogin,
  comment: 'Login; null where the account is gone.',
};
export const association: Field = {
  name: 'author_association',
  field: 'authorAssociation',
  type: 'text',
  read: lower,
  comment: 'How the author belongs to the repository.',
};
export const url: Field = { name: 'url', field: 'url', type: 'text' };
export const createdAt: Field = { name: 'created_at', field: 'createdAt', type: 'timestamptz' };
export const updatedAt: Field = { name: 'updated_at', field: 'updatedAt', type: 'timestamptz' };
export const closedAt: Field = { name: 'closed_at', field: 'closedAt', type: 'timestamptz', nullable: true };
/** Whether only collaborators may comment, and why. */
export const locks: readonly Field[] = [
  { name: 'locked', field: 'locked', type: 'boolean', set: 'u' },
  {
    name: 'lock_reason',
    field: 'activeLockReason',
    type: 'text',
    nullable: true,
    set: 'u',
    choices: ['off_topic', 'resolved', 'spam', 'too_heated'],
    read: lower,
    comment: 'Set together with locked.',
  },
];
export const title = (maxLength: number): Field => ({
  name: 'title',
  field: 'title',
  type: 'text',
  set: 'iu',
  required: true,
  maxLength,
});
export const number: Field = { name: 'number', field: 'number', type: 'integer' };

/** What issues and pull requests are marked with; a pull request gets it by an update only. */
export const marks = (set: 'iu' | 'u'): readonly Field[] => [
  {
    name: 'labels',
    field: 'labels',
    type: 'text[]',
    set,
    references: ['Label'],
    select: 'labels(first: 100) { nodes { name } }',
    read: namesOf,
    comment: 'Names, in alphabetical order. Setting it replaces all.',
  },
  {
    name: 'assignees',
    field: 'assignees',
    type: 'text[]',
    set,
    select: 'assignees(first: 20) { nodes { login } }',
    read: loginsOf,
    comment: 'Logins, in alphabetical order. Setting it replaces all.',
  },
  {
    name: 'milestone_number',
    field: 'milestone',
    type: 'integer',
    nullable: true,
    set,
    references: ['Milestone'],
    select: 'milestone { number }',
    read: (value) => numberOf(value, 'number'),
  },
];

export const commentsCount: Field = {
  name: 'comments_count',
  field: 'comments',
  type: 'integer',
  select: 'comments { totalCount }',
  read: (value) => numberOf(value, 'totalCount'),
};

export const flag = (name: string, field: string, set?: 'i' | 'u' | 'iu'): Field => ({
  name,
  field,
  type: 'boolean',
  ...(set === undefined ? {} : { set }),
});
