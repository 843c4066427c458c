/** The tables as the contract has them: their columns, what may be written, and how. */
import type { Column, Resource, WriteLimit, Writes } from '../../src/provider/index.js';
import type { GitHubConfig } from './config.js';
import type { Field } from './fields.js';
import { type ObjectName, type Table, tables } from './tables.js';

/** Rows of one statement: aliased mutations in one request, or as many REST requests. */
export const mostRows = 100;

const rows: WriteLimit = { max: mostRows, ceiling: mostRows, atomic: false };

const all: Writes = { insert: rows, update: rows, delete: rows };

/** GraphQL has mutations for all of these but milestones and the deletion of repositories, which REST does. */
const writes: Readonly<Record<ObjectName, (config: GitHubConfig) => Writes>> = {
  Issue: () => all,
  IssueComment: () => all,
  Label: () => all,
  Milestone: () => all,
  // GitHub has no way to delete a pull request.
  PullRequest: () => ({ insert: rows, update: rows }),
  Repository: (config) => ({
    // A repository of an owner that is not synced would vanish from the table at the next listing.
    ...(config.owners.length > 0 ? { insert: rows } : {}),
    update: rows,
    ...(config.delete_repositories ? { delete: rows } : {}),
  }),
};

/** Whether changes since a time can be asked for. Labels have no such listing, and repositories are few. */
export function isIncremental(object: string): boolean {
  return object !== 'Label' && object !== 'Repository';
}

function toColumn(field: Field): Column {
  const { name, type, required, maxLength, choices, references, comment } = field;
  return {
    name,
    field: field.field,
    type,
    nullable: field.nullable === true,
    insertable: field.set?.includes('i') === true,
    updatable: field.set?.includes('u') === true,
    ...(required === undefined ? {} : { required }),
    ...(maxLength === undefined ? {} : { maxLength }),
    ...(choices === undefined ? {} : { choices }),
    ...(references === undefined ? {} : { references }),
    ...(comment === undefined ? {} : { comment }),
  };
}

function toResource(table: Table, config: GitHubConfig): Resource {
  const version = table.fields.find(({ field }) => field === table.version)?.name;
  const created = table.fields.find(({ field }) => field === 'createdAt')?.name;
  return {
    name: table.name,
    object: table.object,
    key: 'id',
    columns: table.fields.map(toColumn),
    ...(version === undefined ? {} : { version }),
    ...(created === undefined ? {} : { created }),
    writes: writes[table.object](config),
    // Nothing lists deletions: GitHub tells them to webhooks only.
    pull: { incremental: isIncremental(table.object), deletions: 'sweep' },
    comment: table.comment,
  };
}

/** Every table, for a configuration. */
export function resourcesOf(config: GitHubConfig): readonly Resource[] {
  return [...tables.values()].map((table) => toResource(table, config));
}
