/** The declared tables held to GitHub's own schema: members, nullability, enumerations, and what its inputs take. */
import { schema } from '@octokit/graphql-schema';
import {
  buildSchema,
  type GraphQLField,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { inputNames } from './errors.js';
import type { Field } from './fields.js';
import { tables } from './tables.js';

const official = buildSchema(schema.idl, { assumeValidSDL: true });

/** The member of GitHub's object that a column is read from. */
function memberOf(object: string, field: Field): GraphQLField<unknown, unknown> | undefined {
  const type = official.getType(object);
  const [name = ''] = (field.select ?? field.field).split(/[ ({]/);
  return isObjectType(type) ? type.getFields()[name] : undefined;
}

/** The fields of an input; none where there is no such mutation. */
function inputs(name: string): readonly string[] {
  const type = official.getType(name);
  return isInputObjectType(type) ? Object.keys(type.getFields()) : [];
}

/** Inputs of the mutations that insert and update, and the fields that they set. */
const verbs: Readonly<Record<string, { readonly insert: string; readonly update: readonly string[] }>> = {
  Repository: { insert: 'CreateRepositoryInput', update: ['UpdateRepositoryInput', 'UpdateTopicsInput'] },
  Issue: { insert: 'CreateIssueInput', update: ['UpdateIssueInput', 'CloseIssueInput', 'LockLockableInput'] },
  IssueComment: { insert: 'AddCommentInput', update: ['UpdateIssueCommentInput'] },
  Label: { insert: 'CreateLabelInput', update: ['UpdateLabelInput'] },
  PullRequest: { insert: 'CreatePullRequestInput', update: ['UpdatePullRequestInput', 'LockLockableInput'] },
};

/** Inputs that no column sets, and why. */
const unset = new Set([
  'clientMutationId',
  // What the record is found by.
  'id',
  'issueId',
  'pullRequestId',
  'lockableId',
  // Of things that have no table or column here.
  'projectIds',
  'parentIssueId',
  'duplicateIssueId',
  'teamId',
  'hasSponsorshipsEnabled',
  // Given with the branch's name, and a text to begin with.
  'headRepositoryId',
  'issueTemplate',
]);

/** Columns that mutations without an input of that name set: archiving, drafts, locks. */
const byMutation = new Set(['Repository isArchived', 'PullRequest isDraft', 'Issue locked', 'PullRequest locked']);

describe.each([...tables.values()].map((table) => [table.name, table] as const))('%s', (_, table) => {
  it('reads members that there are, and promises no value where there may be none', () => {
    for (const field of table.fields) {
      const member = memberOf(table.object, field);
      expect([field.name, member !== undefined]).toEqual([field.name, true]);
      if (member === undefined || field.nullable === true || field.type === 'text[]') continue;
      expect([field.name, isNonNullType(member.type)]).toEqual([field.name, true]);
    }
  });

  it('knows the values of enumerations', () => {
    for (const field of table.fields) {
      const type = memberOf(table.object, field)?.type;
      const named = type === undefined ? undefined : getNamedType(type);
      if (field.choices === undefined || !isEnumType(named)) continue;
      const values = named.getValues().map(({ name }) => name.toLowerCase());
      expect([field.name, [...field.choices].sort()]).toEqual([field.name, values.sort()]);
    }
  });

  it('sets what the inputs of its mutations take', () => {
    const own = verbs[table.object];
    // Milestones have no mutations.
    if (own === undefined) return expect(table.object).toBe('Milestone');
    for (const [verb, names] of [
      ['i', [own.insert]],
      ['u', own.update],
    ] as const) {
      const given = names.flatMap(inputs);
      expect(given.length).toBeGreaterThan(0);
      const taken = new Set(given.filter((input) => !unset.has(input)).map((input) => inputNames[input] ?? input));
      // An update takes the id of a repository for the repository itself.
      if (verb === 'u') taken.delete('repository');
      const set = table.fields
        .filter((field) => field.set?.includes(verb) === true && !byMutation.has(`${table.object} ${field.field}`))
        .map(({ field }) => field);
      // A comment's repository is said by what it is on.
      if (verb === 'i' && table.object === 'IssueComment') taken.add('repository');
      if (verb === 'i') taken.delete('isDraft');
      expect([verb, [...taken].sort()]).toEqual([verb, set.sort()]);
    }
  });
});
