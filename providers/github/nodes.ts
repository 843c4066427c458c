/** Reading members of GraphQL objects, and giving REST objects the form of GraphQL ones. */
import { z } from 'zod';
import type { JsonValue } from '../../src/provider/index.js';

/** An object as GraphQL answers it. */
export type ApiNode = Readonly<Record<string, unknown>>;

export function isNode(value: unknown): value is ApiNode {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A member of an object that may not be one. */
export function memberOf(value: unknown, name: string): unknown {
  return isNode(value) ? value[name] : undefined;
}

export function textOf(value: unknown, name: string): string | null {
  const found = memberOf(value, name);
  return typeof found === 'string' ? found : null;
}

export function numberOf(value: unknown, name: string): number | null {
  const found = memberOf(value, name);
  return typeof found === 'number' ? found : null;
}

/** The nodes of a connection, without those that may not be seen. */
export function nodesOf(connection: unknown): readonly ApiNode[] {
  const nodes = memberOf(connection, 'nodes');
  return Array.isArray(nodes) ? nodes.filter(isNode) : [];
}

/** A set of texts has no order: one is chosen, so that equal sets are equal values. */
export function sorted(texts: Iterable<string>): readonly string[] {
  return [...new Set(texts)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

function textsOf(connection: unknown, name: string): readonly string[] {
  return sorted(nodesOf(connection).flatMap((node) => textOf(node, name) ?? []));
}

export const namesOf = (connection: unknown): JsonValue => textsOf(connection, 'name');
export const loginsOf = (connection: unknown): JsonValue => textsOf(connection, 'login');

export function topicsOf(connection: unknown): JsonValue {
  return sorted(nodesOf(connection).flatMap((node) => textOf(node['topic'], 'name') ?? []));
}

/** GraphQL leaves out the `[bot]` that the REST API and the web site show behind the login of an App. */
export function actorLogin(value: unknown): string | null {
  const login = textOf(value, 'login');
  if (login === null || textOf(value, '__typename') !== 'Bot' || login.endsWith('[bot]')) return login;
  return `${login}[bot]`;
}

/** A branch without the owner that an insert may name before it. */
export function branchName(value: unknown): JsonValue {
  return typeof value === 'string' ? value.slice(value.indexOf(':') + 1) : null;
}

/** `…/octocat/hello-world/issues/7#issuecomment-1`: the object itself has no safe member for a pull request's. */
const commentUrl = /\/(issues|pull)\/(\d+)(?:#|$)/;

export function issueNumber(url: unknown): JsonValue {
  const match = typeof url === 'string' ? commentUrl.exec(url) : null;
  return match === null ? null : Number(match[2]);
}

export function isOnPull(url: unknown): JsonValue {
  const match = typeof url === 'string' ? commentUrl.exec(url) : null;
  return match === null ? null : match[1] === 'pull';
}

/** `https://…/octocat/hello-world/milestone/1` and deeper: the repository that a web address is in. */
function repositoryOf(url: string): ApiNode | null {
  const [, owner, name] = URL.canParse(url) ? new URL(url).pathname.split('/') : [];
  return owner === undefined || name === undefined ? null : { nameWithOwner: `${owner}/${name}` };
}

const bigNumber = z.union([z.number(), z.bigint()]).transform(String);
const user = z.object({ login: z.string(), type: z.string().optional() }).nullish();

const restComment = z.object({
  id: bigNumber,
  node_id: z.string(),
  html_url: z.string(),
  body: z.string().nullish(),
  user,
  author_association: z.string().optional(),
  created_at: z.string(),
  updated_at: z.string(),
});

const restMilestone = z.object({
  node_id: z.string(),
  html_url: z.string(),
  number: z.number(),
  title: z.string(),
  description: z.string().nullish(),
  state: z.string(),
  due_on: z.string().nullish(),
  creator: user,
  created_at: z.string(),
  updated_at: z.string(),
  closed_at: z.string().nullish(),
});

function actor(from: z.output<typeof user>): ApiNode | null {
  return from === null || from === undefined ? null : { login: from.login, __typename: from.type ?? 'User' };
}

/** A comment of the REST API as GraphQL has it. Throws when it is not one. */
export function commentNode(value: unknown): ApiNode {
  const comment = restComment.parse(value);
  return {
    __typename: 'IssueComment',
    id: comment.node_id,
    fullDatabaseId: comment.id,
    url: comment.html_url,
    repository: repositoryOf(comment.html_url),
    body: comment.body ?? '',
    author: actor(comment.user),
    authorAssociation: comment.author_association ?? null,
    createdAt: comment.created_at,
    updatedAt: comment.updated_at,
  };
}

/** A milestone of the REST API as GraphQL has it. Throws when it is not one. */
export function milestoneNode(value: unknown): ApiNode {
  const milestone = restMilestone.parse(value);
  return {
    __typename: 'Milestone',
    id: milestone.node_id,
    url: milestone.html_url,
    repository: repositoryOf(milestone.html_url),
    number: milestone.number,
    title: milestone.title,
    description: milestone.description ?? null,
    state: milestone.state,
    dueOn: milestone.due_on ?? null,
    creator: actor(milestone.creator),
    createdAt: milestone.created_at,
    updatedAt: milestone.updated_at,
    closedAt: milestone.closed_at ?? null,
  };
}
