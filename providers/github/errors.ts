/**
 * From GitHub's refusals to Upwrite's catalogue.
 * Sources: GitHub Docs, "Troubleshooting the REST API" (validation error codes), "Rate limits and query limits for the
 * GraphQL API". The types of GraphQL errors are not documented as a list: those below are what GitHub answers; an unknown
 * one is the general case. What a mutation refuses is told in words only, in the manner of Rails' validations, so that the
 * words decide; where they match nothing, the general case again.
 */
import { type Fault, type FaultCode, type FaultDetails, fault } from '../../src/errors/index.js';
import {
  type BatchRow,
  type Column,
  type JsonValue,
  type Kit,
  type Resource,
  snakeCase,
  type Verb,
} from '../../src/provider/index.js';
import { type GraphError, isLimit, longestMessage } from './client.js';

/** One reason of a refusal, from GraphQL or from the REST API. */
export interface Reason {
  /** A GraphQL type such as UNPROCESSABLE, or a REST code such as already_exists; '' where there is none. */
  readonly code: string;
  readonly message: string;
  /** The API's name of the field, where it gives one. */
  readonly field?: string;
}

/** What GraphQL's types and the REST API's codes and statuses mean. What is not here is `validation`. */
const meanings: Readonly<Record<string, FaultCode>> = {
  NOT_FOUND: 'bad_reference',
  FORBIDDEN: 'upstream_permission',
  UNAUTHORIZED: 'upstream_permission',
  UNAUTHENTICATED: 'credentials_refused',
  INSUFFICIENT_SCOPES: 'upstream_permission',
  UNPROCESSABLE: 'validation',
  STALE_DATA: 'validation',
  MAX_NODE_LIMIT_EXCEEDED: 'internal',
  EXCESSIVE_PAGINATION: 'internal',
  // Of a single mutation: it was not run.
  RESOURCE_LIMITS_EXCEEDED: 'upstream_unavailable',
  RATE_LIMITED: 'rate_limited',
  RATE_LIMIT: 'rate_limited',
  missing: 'bad_reference',
  missing_field: 'required_missing',
  invalid: 'malformed',
  already_exists: 'duplicate',
  unprocessable: 'validation',
  custom: 'validation',
  'HTTP 403': 'upstream_permission',
  'HTTP 404': 'bad_reference',
  'HTTP 410': 'upstream_permission',
  'HTTP 451': 'upstream_permission',
};

interface Wording {
  readonly pattern: RegExp;
  readonly code: FaultCode;
  /** The API's name of the field; otherwise the pattern's first group, in the API's words. */
  readonly field?: string;
}

/** In this order: the first that matches decides. */
const wordings: readonly Wording[] = [
  { pattern: /^Head (?:sha|ref|repository)\b/i, code: 'bad_reference', field: 'headRefName' },
  { pattern: /^Base (?:sha|ref)\b/i, code: 'bad_reference', field: 'baseRefName' },
  { pattern: /^Proposed base branch\b/i, code: 'bad_reference', field: 'baseRefName' },
  { pattern: /^A pull request already exists for\b/i, code: 'duplicate', field: 'headRefName' },
  { pattern: /^No commits between\b/i, code: 'validation', field: 'headRefName' },
  { pattern: /^(?:Could not clone: )?(Name) already exists on this account/i, code: 'duplicate' },
  { pattern: /^([\w ]+?) (?:has already been taken|already exists)\b/i, code: 'duplicate' },
  { pattern: /^([\w ]+?) is too long\b/i, code: 'too_long' },
  { pattern: /^([\w ]+?) (?:can't be blank|cannot be blank|is missing)\b/i, code: 'required_missing' },
  { pattern: /^([\w ]+?) (?:is invalid|is not a valid|must be a valid|isn't a valid)\b/i, code: 'malformed' },
  { pattern: /^([\w ]+?) (?:must be|cannot|can't|contains|is not included)\b/i, code: 'validation' },
  { pattern: /\bwas submitted too quickly\b/i, code: 'rate_limited' },
  { pattern: /\bsecondary rate limit\b/i, code: 'rate_limited' },
  { pattern: /\barchived so is read-only\b/i, code: 'upstream_permission' },
  { pattern: /\b(?:issues|pull requests) (?:has|have|are|is) (?:been )?disabled\b/i, code: 'upstream_permission' },
  {
    pattern: /\b(?:does not have|do not have|must have) .*\b(?:permissions?|rights|access)\b/i,
    code: 'upstream_permission',
  },
  { pattern: /\bResource not accessible by\b/i, code: 'upstream_permission' },
  { pattern: /\bSAML enforcement\b/i, code: 'upstream_permission' },
  { pattern: /^Could not resolve to\b/i, code: 'bad_reference' },
];

/** A type that says what is wrong better than any words do. */
const decided = new Set(['NOT_FOUND', 'FORBIDDEN', 'INSUFFICIENT_SCOPES', 'already_exists', 'missing_field']);

function wordingOf(reason: Reason): Wording | undefined {
  return wordings.find(({ pattern }) => pattern.test(reason.message));
}

/** What a reason means to a client. */
export function meaningOf(reason: Reason): FaultCode {
  if (!decided.has(reason.code)) {
    const wording = wordingOf(reason);
    if (wording !== undefined) return wording.code;
  }
  return meanings[reason.code] ?? 'validation';
}

/** The variable and, below it, the field that a refused variable is about: GraphQL checks them before it runs anything. */
export function refusedVariable(message: string): { readonly alias: string; readonly field: string } | undefined {
  const match = /^Variable \$(\w+) of type \w+! was provided invalid value(?: for (\w+))?/.exec(message);
  return match === null ? undefined : { alias: match[1] ?? '', field: match[2] ?? '' };
}

/** Names of inputs that differ from those of the fields that they set. */
export const inputNames: Readonly<Record<string, string>> = {
  repositoryId: 'repository',
  ownerId: 'owner',
  subjectId: 'issueNumber',
  labelIds: 'labels',
  assigneeIds: 'assignees',
  milestoneId: 'milestone',
  topicNames: 'repositoryTopics',
  topics: 'repositoryTopics',
  draft: 'isDraft',
  template: 'isTemplate',
  lockReason: 'activeLockReason',
  base: 'baseRefName',
  head: 'headRefName',
  due_on: 'dueOn',
  homepage: 'homepageUrl',
};

function columnOf(reason: Reason, resource: Resource): Column | undefined {
  const wording = wordingOf(reason);
  const spoken = wording === undefined ? undefined : (wording.field ?? wording.pattern.exec(reason.message)?.[1]);
  const candidates = [reason.field, refusedVariable(reason.message)?.field, spoken];
  for (const candidate of candidates) {
    if (candidate === undefined || candidate === '') continue;
    const field = inputNames[candidate] ?? candidate;
    const wanted = snakeCase(field);
    const found = resource.columns.find((column) => column.field === field || snakeCase(column.field) === wanted);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A value in a DETAIL line, as Postgres shows one in `Key (a)=(b)`; long ones are cut. */
export function shown(value: JsonValue | undefined): string {
  if (value === null || value === undefined) return 'null';
  const text = typeof value === 'string' ? value : Array.isArray(value) ? value.join(', ') : JSON.stringify(value);
  const characters = [...text];
  return characters.length > 100 ? `${characters.slice(0, 99).join('')}…` : text;
}

function sentence(text: string): string {
  const trimmed = text.trim();
  return trimmed === '' || /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}

interface Refusal {
  readonly reason: Reason;
  readonly code: FaultCode;
  readonly column: Column | undefined;
  readonly row: BatchRow | undefined;
  readonly resource: Resource;
}

function detailOf({ reason, code, column, row, resource }: Refusal): string {
  const own = row?.key ?? null;
  if (code === 'record_gone' && own !== null) return `Key (${resource.key})=(${own}) is not present in github.`;
  if (column === undefined) return sentence(reason.message);
  const value = row?.values[column.name];
  const key = `Key (${column.name})=(${shown(value)})`;
  switch (code) {
    case 'required_missing':
      return `Column "${column.name}" is required and has no value.`;
    case 'too_long': {
      const maximum = /maximum is (\d+) (\w+)/.exec(reason.message);
      const length = maximum === null ? undefined : `${maximum[1]} ${maximum[2]}`;
      return length === undefined ? `${key} is too long.` : `${key} is longer than ${length}.`;
    }
    case 'duplicate':
      return `${key} already exists.`;
    case 'malformed':
      return `${key} is not of the form that the field takes.`;
    case 'bad_reference':
      return `${key} is not present in github: ${sentence(reason.message)}`;
    default: {
      if (refusedVariable(reason.message) !== undefined)
        return `${key} is not one of the values that the field allows.`;
      return value === undefined ? sentence(reason.message) : `${key}: ${sentence(reason.message)}`;
    }
  }
}

/** "Could not resolve to a node with the global id of 'I_…'": which id, so that the row's own is told from another's. */
function isOwnRecord(reason: Reason, row: BatchRow | undefined, verb: Verb): boolean {
  if (row === undefined || row.key === null || verb === 'insert') return false;
  const isMissing = reason.code === 'NOT_FOUND' || reason.code === 'HTTP 404' || reason.code === 'missing';
  if (!isMissing) return false;
  const named = /global id of '([^']*)'/.exec(reason.message);
  return named === null || named[1] === row.key;
}

export interface Place {
  readonly resource: Resource;
  readonly verb: Verb;
  /** Undefined where the refusal is about no single row. */
  readonly row: BatchRow | undefined;
}

/** GitHub's own code and words, for the CONTEXT line. */
export function contextOf(reasons: readonly Reason[], kit: Kit): string {
  const texts = reasons.map(({ code, message }) => [code, message].filter((part) => part !== '').join(': '));
  return kit.describe(`${kit.provider} answered ${texts.join('; ')}`);
}

/** The fault of a refused row, or of every row where the whole request was refused. */
export function refusalFault(reasons: readonly Reason[], place: Place, kit: Kit): Fault {
  const { resource, verb, row } = place;
  const reason = reasons[0] ?? { code: '', message: 'no reason was given' };
  const column = columnOf(reason, resource);
  const code = isOwnRecord(reason, row, verb) ? 'record_gone' : meaningOf(reason);
  const context = contextOf(reasons, kit);
  const occurrence: FaultDetails = {
    params: {
      provider: kit.provider,
      connection: kit.connection,
      table: resource.name,
      verb: verb.toUpperCase(),
      seconds: 60,
      what: context,
    },
    detail: kit.describe(detailOf({ reason, code, column, row, resource })),
    context,
    ...(column === undefined || code === 'record_gone' ? {} : { column: column.name }),
  };
  return fault(code, occurrence);
}

/** A GraphQL error as a reason. */
export function reasonOf(error: GraphError): Reason {
  return { code: isLimit(error) ? 'RATE_LIMITED' : error.type, message: error.message };
}

function text(value: unknown, name: string): string | undefined {
  const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  return typeof found === 'string' && found !== '' ? found.slice(0, longestMessage) : undefined;
}

/** The reasons in a REST error body: `{message, errors: [{resource, field, code, message}]}`. */
export function restReasons(status: number, body: unknown): readonly Reason[] {
  const message = text(body, 'message') ?? 'no reason was given';
  const errors: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'errors') : undefined;
  const list: readonly unknown[] = Array.isArray(errors) ? errors : [];
  if (list.length === 0) return [{ code: `HTTP ${status}`, message }];
  return list.map((error) => {
    if (typeof error === 'string') return { code: '', message: error };
    const field = text(error, 'field');
    const code = text(error, 'code') ?? '';
    return {
      code,
      message: text(error, 'message') ?? `${message}: ${[field, code].filter(Boolean).join(' ')}`,
      ...(field === undefined ? {} : { field }),
    };
  });
}
