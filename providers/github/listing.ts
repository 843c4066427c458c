/** One page of one repository's records, from whichever API lists them best. */
import type { Octokit } from '@octokit/rest';
import { CallFailure, type Rec, type Resource } from '../../src/provider/index.js';
import { type Answered, type ClientCall, type GitHubClient, type GraphAnswer, RequestRefused } from './client.js';
import { type Connection, type ListOptions, listDocument } from './documents.js';
import { toRec } from './mapping.js';
import { type ApiNode, commentNode, isNode, memberOf, textOf } from './nodes.js';
import { checkErrors, missingMembers } from './partial.js';
import type { Repo } from './scope.js';
import { type ObjectName, tableOf } from './tables.js';
import { shrinking } from './too-much.js';

export interface ListPage {
  readonly records: readonly Rec[];
  /** Where the next page begins; null at the end. */
  readonly next: string | null;
}

export interface Wanted {
  readonly resource: Resource;
  readonly repo: Repo;
  /** ISO 8601; null lists everything. */
  readonly since: string | null;
  readonly after: string | null;
}

const connections: Readonly<Partial<Record<ObjectName, Connection>>> = {
  Issue: 'issues',
  PullRequest: 'pullRequests',
  Label: 'labels',
  Milestone: 'milestones',
};

export function connectionOf(object: string): Connection | undefined {
  return connections[tableOf(object).object];
}

/** The nodes of an answer's list with their records; a node that is not shown is left out. */
function recordsOf(resource: Resource, answer: GraphAnswer, nodes: readonly unknown[]) {
  return nodes.flatMap((node, index) => {
    if (!isNode(node)) return [];
    const missing = missingMembers(answer.errors, ['node', 'list', 'nodes', index]);
    return [{ node, record: toRec(resource, node, missing) }];
  });
}

export interface NodePage {
  readonly entries: readonly { readonly node: ApiNode; readonly record: Rec }[];
  readonly next: string | null;
}

/** One page of a connection. */
export async function connectionPage(
  client: GitHubClient,
  call: ClientCall,
  resource: Resource,
  repo: Repo,
  options: Omit<ListOptions, 'object'>,
  variables: { readonly after: string | null; readonly since?: string },
): Promise<NodePage> {
  const document = listDocument({ ...options, object: tableOf(resource.object).object });
  const value = await shrinking(client, `list ${options.connection}`, client.config.page_size, async (first) => {
    const answer = await client.graphql(call, document, { id: repo.id, first, ...variables });
    checkErrors(client, answer.value, ['node', 'list', 'nodes']);
    return answer.value;
  });
  const list = memberOf(value.data['node'], 'list');
  const nodes = memberOf(list, 'nodes');
  const info = memberOf(list, 'pageInfo');
  const next = memberOf(info, 'hasNextPage') === true ? textOf(info, 'endCursor') : null;
  return { entries: recordsOf(resource, value, Array.isArray(nodes) ? nodes : []), next };
}

/**
 * Everything goes from the oldest on: a record that changes keeps its place. Issues can be asked for by their last
 * change; what else changed comes newest first, up to the first that did not.
 */
async function byConnection(
  client: GitHubClient,
  call: ClientCall,
  connection: Connection,
  wanted: Wanted,
): Promise<ListPage> {
  const { resource, repo, since, after } = wanted;
  if (since === null) {
    const options = { connection, order: 'CREATED_AT', direction: 'ASC' } as const;
    const { entries, next } = await connectionPage(client, call, resource, repo, options, { after });
    return { records: entries.map(({ record }) => record), next };
  }
  if (connection === 'issues') {
    const options = { connection, order: 'UPDATED_AT', direction: 'ASC', since: true } as const;
    const { entries, next } = await connectionPage(client, call, resource, repo, options, { after, since });
    return { records: entries.map(({ record }) => record), next };
  }
  const options = { connection, order: 'UPDATED_AT', direction: 'DESC' } as const;
  const { entries, next } = await connectionPage(client, call, resource, repo, options, { after });
  const changed = entries.filter(({ node }) => (textOf(node, 'updatedAt') ?? '') >= since);
  return { records: changed.map(({ record }) => record), next: changed.length < entries.length ? null : next };
}

/** The listing of comments answers so when issues are disabled or the repository is gone: there are none to see. */
const noComments = new Set([404, 410, 451]);

/**
 * Comments of a whole repository are listed by the REST API only, in numbered pages, which shift when records change:
 * each page begins at the time of the last record instead, and only equal times are paged through.
 * A position is `<time> <page>`.
 */
async function comments(client: GitHubClient, call: ClientCall, wanted: Wanted): Promise<ListPage> {
  const [start = '', pageText = '1'] = (wanted.after ?? `${wanted.since ?? ''} 1`).split(' ');
  const page = Number(pageText);
  const found = await commentPage(client, call, wanted.repo, start === '' ? null : start, page);
  if (found === undefined) return { records: [], next: null };
  const nodes = found.comments.map(commentNode);
  const last = textOf(nodes.at(-1), 'updatedAt');
  const moved = last !== null && last > start;
  const next = found.more ? (moved ? `${last} 1` : `${start} ${page + 1}`) : null;
  return { records: nodes.map((node) => toRec(wanted.resource, node)), next };
}

async function commentPage(
  client: GitHubClient,
  call: ClientCall,
  repo: Repo,
  since: string | null,
  page: number,
): Promise<{ readonly comments: readonly unknown[]; readonly more: boolean } | undefined> {
  const [owner = '', name = ''] = repo.fullName.split('/');
  const ask = (octokit: Octokit) =>
    octokit.rest.issues.listCommentsForRepo({
      owner,
      repo: name,
      sort: 'updated',
      direction: 'asc',
      per_page: client.config.page_size,
      page,
      ...(since === null ? {} : { since }),
    });
  try {
    const { value }: Answered<Awaited<ReturnType<typeof ask>>> = await client.rest(call, ask);
    return { comments: value.data, more: /rel="next"/.test(value.headers.link ?? '') };
  } catch (error) {
    if (error instanceof RequestRefused && noComments.has(error.status)) return undefined;
    throw error;
  }
}

/** Every comment of a repository that changed at or after a time; `since` is ISO 8601. */
export async function commentsSince(
  client: GitHubClient,
  call: ClientCall,
  resource: Resource,
  repo: Repo,
  since: string,
): Promise<readonly Rec[]> {
  const found: Rec[] = [];
  let after: string | null = null;
  do {
    const page: ListPage = await comments(client, call, { resource, repo, since, after });
    found.push(...page.records);
    after = page.next;
  } while (after !== null);
  return found;
}

/** One page of a repository's records. Throws a RequestRefused, a CallFailure of kind request, or a FaultError. */
export async function listPage(client: GitHubClient, call: ClientCall, wanted: Wanted): Promise<ListPage> {
  const connection = connectionOf(wanted.resource.object);
  if (connection !== undefined) return byConnection(client, call, connection, wanted);
  if (wanted.resource.object === 'IssueComment') return comments(client, call, wanted);
  throw new CallFailure({ kind: 'request', fate: 'unsent', words: `${wanted.resource.object} is not in repositories` });
}
