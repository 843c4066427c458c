/** Single records, and records that an insert of unknown outcome may have made. */
import type { Batch, BatchRow, Rec, Resource } from '../../src/provider/index.js';
import type { ClientCall, GitHubClient } from './client.js';
import { fragment, namedDocument, nodesDocument, spread } from './documents.js';
import { commentsSince, connectionOf, connectionPage } from './listing.js';
import { assigned, matches, toRec } from './mapping.js';
import { isNode, textOf } from './nodes.js';
import { checkErrors, missingMembers } from './partial.js';
import { isInScope, type Repo } from './scope.js';
import { tableOf } from './tables.js';
import { shrinking } from './too-much.js';

/** Node ids in one query: GitHub's limit. */
const nodesPerQuery = 100;

/** How far the clocks of GitHub and of this machine may differ, in milliseconds. */
const clockSkew = 300_000;

/** A node id has no white space and is short; anything else is not there. */
const nodeId = /^[\w+/=-]{1,200}$/;

/** Records by node id; an object of another kind is not one of the table's. */
async function byId(client: GitHubClient, call: ClientCall, resource: Resource, ids: readonly string[]) {
  const { object } = tableOf(resource.object);
  const found = new Map<string, { readonly record: Rec; readonly isOwn: boolean }>();
  for (let from = 0; from < ids.length; ) {
    const start = from;
    const { part, value } = await shrinking(client, `nodes ${object}`, nodesPerQuery, async (size) => {
      const asked = ids.slice(start, start + size);
      const answer = await client.graphql(call, nodesDocument(object), { ids: asked });
      checkErrors(client, answer.value, ['nodes']);
      return { part: asked, value: answer.value };
    });
    from += part.length;
    const nodes = value.data['nodes'];
    for (const [index, id] of part.entries()) {
      const node: unknown = Array.isArray(nodes) ? nodes[index] : undefined;
      if (!isNode(node) || node['__typename'] !== object) continue;
      const record = toRec(resource, node, missingMembers(value.errors, ['nodes', index]));
      // The key by which it was asked for, in whichever of its forms GitHub answers.
      const keyed = { key: id, values: { ...record.values, [resource.key]: id } };
      found.set(id, { record: keyed, isOwn: node['viewerDidAuthor'] === true });
    }
  }
  return found;
}

export async function read(
  client: GitHubClient,
  resource: Resource,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<readonly (Rec | null)[]> {
  const ids = [...new Set(keys)].filter((key) => nodeId.test(key));
  const found = await byId(client, { verb: 'read', signal }, resource, ids);
  return keys.map((key) => found.get(key)?.record ?? null);
}

/** Records of a repository made at or after a time, newest first, by this user where the API says who made them. */
async function madeSince(client: GitHubClient, call: ClientCall, resource: Resource, repo: Repo, since: string) {
  const connection = connectionOf(resource.object);
  if (connection === undefined) {
    const comments = await commentsSince(client, call, resource, repo, since);
    const found = await byId(
      client,
      call,
      resource,
      comments.map(({ key }) => key),
    );
    return [...found.values()].filter(({ isOwn }) => isOwn).map(({ record }) => record);
  }
  const made: Rec[] = [];
  let after: string | null = null;
  for (;;) {
    const options = { connection, order: 'CREATED_AT', direction: 'DESC' } as const;
    const page: Awaited<ReturnType<typeof connectionPage>> = await connectionPage(
      client,
      call,
      resource,
      repo,
      options,
      { after },
    );
    for (const { node, record } of page.entries) {
      if ((textOf(node, 'createdAt') ?? '') < since) return made;
      if (node['viewerDidAuthor'] !== false) made.push(record);
    }
    if (page.next === null) return made;
    after = page.next;
  }
}

/** Repositories of the rows, by name in lower case; one that is not there has no records. */
async function reposOf(client: GitHubClient, call: ClientCall, names: readonly string[], extra: string, parts: string) {
  const found = new Map<string, Repo>();
  if (names.length === 0) return found;
  const variables: Record<string, string> = {};
  for (const [index, name] of names.entries()) {
    const [owner = '', repo = ''] = name.split('/');
    variables[`o${index}`] = owner;
    variables[`n${index}`] = repo;
  }
  const { value } = await client.graphql(call, namedDocument(names.length, extra, parts), variables);
  checkErrors(client, value, []);
  for (const [index, name] of names.entries()) {
    const node = value.data[`r${index}`];
    const id = textOf(node, 'id');
    if (!isNode(node) || id === null) continue;
    found.set(name, { id, databaseId: 0, fullName: textOf(node, 'nameWithOwner') ?? name, node });
  }
  return found;
}

function homeName(resource: Resource, row: BatchRow): string {
  if (resource.object !== 'Repository') return String(assigned(resource, row, 'repository') ?? '').toLowerCase();
  return `${assigned(resource, row, 'owner') ?? ''}/${assigned(resource, row, 'name') ?? ''}`.toLowerCase();
}

/**
 * The records of an insert whose answer was lost: made since just before it was sent, with the values that it assigned,
 * each given to one row only, the earliest to the first. GitHub applies rows one by one, so that any of them may be there.
 */
export async function findInserted(
  client: GitHubClient,
  batch: Batch,
  sentAt: number,
  signal: AbortSignal,
): Promise<readonly (Rec | null)[]> {
  const { resource, rows } = batch;
  const call: ClientCall = { verb: 'read', signal };
  const since = new Date(sentAt - clockSkew).toISOString().replace(/\.\d{3}Z$/, 'Z');
  const names = [...new Set(rows.map((row) => homeName(resource, row)))];
  const isWhole = resource.object === 'Repository';
  const [extra, parts] = isWhole ? [spread('Repository'), fragment('Repository')] : ['', ''];
  const wanted = names.filter((name) => isInScope(client.config, name));
  const repos = await reposOf(client, call, wanted, extra, parts);
  const made = new Map<string, Rec[]>();
  for (const [name, repo] of repos) {
    const isNew = (textOf(repo.node, 'createdAt') ?? '') >= since;
    const records = isWhole
      ? isNew
        ? [toRec(resource, repo.node)]
        : []
      : [...(await madeSince(client, call, resource, repo, since))].reverse();
    made.set(name, records);
  }
  return rows.map((row) => {
    const left = made.get(homeName(resource, row)) ?? [];
    const at = left.findIndex((record) => matches(resource, record, row.values));
    const [match = null] = at === -1 ? [] : left.splice(at, 1);
    return match;
  });
}
