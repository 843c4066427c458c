import { describe, expect, it } from 'vitest';
import { type BatchRow, createKit, type JsonValue, silentLog, type Verb } from '../../src/provider/index.js';
import { parseConfig } from './config.js';
import { meaningOf, type Reason, refusalFault, refusedVariable, restReasons } from './errors.js';
import { resourcesOf } from './resources.js';

const kit = createKit({ connection: 'main', provider: 'github', log: silentLog });
const config = parseConfig({ auth: { kind: 'token', token: 'secret-token' }, owners: ['octocat'] });

function resource(name: string) {
  const found = resourcesOf(config).find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`there is no table ${name}`);
  return found;
}

function row(values: Readonly<Record<string, JsonValue>>, key: string | null): BatchRow {
  return { key, values, idempotencyKey: 'i' };
}

function refused(table: string, verb: Verb, reason: Reason, values: Readonly<Record<string, JsonValue>> = {}) {
  const key = verb === 'insert' ? null : 'I_own';
  return refusalFault([reason], { resource: resource(table), verb, row: row(values, key) }, kit);
}

const unprocessable = (message: string): Reason => ({ code: 'UNPROCESSABLE', message });

describe('refusalFault', () => {
  it('has the column, a detail in its terms, and GitHub’s own words', () => {
    const reason = unprocessable('Name has already been taken');
    expect(refused('labels', 'insert', reason, { name: 'bug' })).toEqual({
      code: 'duplicate',
      sqlstate: '23505',
      retry: 'never',
      message: 'github validation error',
      detail: 'Key (name)=(bug) already exists.',
      context: 'github answered UNPROCESSABLE: Name has already been taken',
      column: 'name',
    });
  });

  it.each<[string, Verb, Reason, Record<string, JsonValue>, string, string | undefined, string]>([
    [
      'issues',
      'insert',
      unprocessable('Title is too long (maximum is 256 characters)'),
      { title: 'abc' },
      '22001',
      'title',
      'Key (title)=(abc) is longer than 256 characters.',
    ],
    [
      'issues',
      'update',
      unprocessable("Title can't be blank"),
      { title: '' },
      '23502',
      'title',
      'Column "title" is required and has no value.',
    ],
    [
      'issues',
      'update',
      { code: 'NOT_FOUND', message: "Could not resolve to a node with the global id of 'I_own'." },
      { title: 'x' },
      '40001',
      undefined,
      'Key (id)=(I_own) is not present in github.',
    ],
    [
      'issues',
      'update',
      { code: 'NOT_FOUND', message: "Could not resolve to a node with the global id of 'LA_other'." },
      { labels: ['x'] },
      '23503',
      undefined,
      "Could not resolve to a node with the global id of 'LA_other'.",
    ],
    [
      'issues',
      'delete',
      { code: 'FORBIDDEN', message: 'paul does not have the correct permissions to execute `DeleteIssue`' },
      {},
      '42501',
      undefined,
      'paul does not have the correct permissions to execute `DeleteIssue`.',
    ],
    [
      'issues',
      'insert',
      unprocessable('Repository was archived so is read-only.'),
      {},
      '42501',
      undefined,
      'Repository was archived so is read-only.',
    ],
    [
      'issues',
      'insert',
      unprocessable('was submitted too quickly'),
      {},
      '53400',
      undefined,
      'was submitted too quickly.',
    ],
    [
      'pull_requests',
      'insert',
      unprocessable("Head sha can't be blank, Base sha can't be blank, No commits between main and x"),
      { head_branch: 'x' },
      '23503',
      'head_branch',
      "Key (head_branch)=(x) is not present in github: Head sha can't be blank, Base sha can't be blank, No commits between main and x.",
    ],
    [
      'pull_requests',
      'insert',
      unprocessable('A pull request already exists for octocat:x.'),
      { head_branch: 'x' },
      '23505',
      'head_branch',
      'Key (head_branch)=(x) already exists.',
    ],
    [
      'repositories',
      'insert',
      unprocessable('Name already exists on this account'),
      { name: 'x' },
      '23505',
      'name',
      'Key (name)=(x) already exists.',
    ],
    [
      'labels',
      'insert',
      unprocessable('Color is invalid'),
      { color: '#fff' },
      '22P02',
      'color',
      'Key (color)=(#fff) is not of the form that the field takes.',
    ],
    [
      'milestones',
      'insert',
      { code: 'already_exists', message: 'Validation Failed: title already_exists', field: 'title' },
      { title: 'v1' },
      '23505',
      'title',
      'Key (title)=(v1) already exists.',
    ],
    [
      'milestones',
      'insert',
      { code: 'missing_field', message: 'Validation Failed', field: 'title' },
      {},
      '23502',
      'title',
      'Column "title" is required and has no value.',
    ],
    [
      'milestones',
      'update',
      { code: 'invalid', message: 'Validation Failed', field: 'due_on' },
      { due_on: 'x' },
      '22P02',
      'due_on',
      'Key (due_on)=(x) is not of the form that the field takes.',
    ],
    [
      'milestones',
      'delete',
      { code: 'HTTP 404', message: 'Not Found' },
      {},
      '40001',
      undefined,
      'Key (id)=(I_own) is not present in github.',
    ],
    [
      'repositories',
      'insert',
      {
        code: '',
        message:
          'Variable $r0s0 of type CreateRepositoryInput! was provided invalid value for visibility (Expected "SECRET" to be one of: PRIVATE, PUBLIC, INTERNAL)',
      },
      { visibility: 'secret' },
      '23514',
      'visibility',
      'Key (visibility)=(secret) is not one of the values that the field allows.',
    ],
    ['issues', 'insert', unprocessable('The wind blows'), {}, '23514', undefined, 'The wind blows.'],
    ['issues', 'insert', { code: 'BRAND_NEW', message: 'Unheard of' }, {}, '23514', undefined, 'Unheard of.'],
  ])('%s %s: %o', (table, verb, reason, values, sqlstate, column, detail) => {
    expect(refused(table, verb, reason, values)).toMatchObject({ sqlstate, detail });
    expect(refused(table, verb, reason, values).column).toBe(column);
  });

  it('never shows a secret', () => {
    kit.secret('hush-hush-hush');
    const reason = unprocessable('Title is invalid: hush-hush-hush');
    expect(JSON.stringify(refused('issues', 'insert', reason, { title: 'hush-hush-hush' }))).not.toContain('hush-hush');
  });
});

describe('meaningOf', () => {
  it.each([
    // GitHub Docs, "Troubleshooting the REST API": the codes of a validation's errors.
    ['missing', '23503'],
    ['missing_field', '23502'],
    ['invalid', '22P02'],
    ['already_exists', '23505'],
    ['unprocessable', '23514'],
    ['custom', '23514'],
    // Types of GraphQL's errors.
    ['NOT_FOUND', '23503'],
    ['FORBIDDEN', '42501'],
    ['INSUFFICIENT_SCOPES', '42501'],
    ['UNAUTHENTICATED', '58000'],
    ['UNPROCESSABLE', '23514'],
    ['STALE_DATA', '23514'],
    ['RATE_LIMITED', '53400'],
    ['RESOURCE_LIMITS_EXCEEDED', '58030'],
    // Statuses without a code.
    ['HTTP 403', '42501'],
    ['HTTP 404', '23503'],
    ['HTTP 410', '42501'],
    ['HTTP 422', '23514'],
    ['HTTP 451', '42501'],
  ])('%s is %s', (code, sqlstate) => {
    expect(refused('milestones', 'insert', { code, message: 'Said in other words' }).sqlstate).toBe(sqlstate);
  });

  it('lets a type that says enough decide over the words', () => {
    expect(meaningOf({ code: 'FORBIDDEN', message: "Title can't be blank" })).toBe('upstream_permission');
    expect(meaningOf(unprocessable("Title can't be blank"))).toBe('required_missing');
  });
});

describe('refusedVariable', () => {
  it.each([
    [
      'Variable $r3s1 of type CloseIssueInput! was provided invalid value for stateReason (x)',
      { alias: 'r3s1', field: 'stateReason' },
    ],
    ['Variable $r0s0 of type CreateIssueInput! was provided invalid value', { alias: 'r0s0', field: '' }],
    ['Something else', undefined],
  ])('%s', (message, expected) => expect(refusedVariable(message)).toEqual(expected));
});

describe('restReasons', () => {
  it.each<[number, unknown, ReturnType<typeof restReasons>]>([
    [
      422,
      { message: 'Validation Failed', errors: [{ resource: 'Milestone', code: 'already_exists', field: 'title' }] },
      [{ code: 'already_exists', message: 'Validation Failed: title already_exists', field: 'title' }],
    ],
    [
      422,
      { message: 'Invalid request', errors: ['due_on is not a date'] },
      [{ code: '', message: 'due_on is not a date' }],
    ],
    [404, { message: 'Not Found' }, [{ code: 'HTTP 404', message: 'Not Found' }]],
    [418, 'teapot', [{ code: 'HTTP 418', message: 'no reason was given' }]],
  ])('%d %o', (status, body, reasons) => expect(restReasons(status, body)).toEqual(reasons));
});
