/**
 * Pulling: everything, or the changes since a time, repository by repository in the order of their creation. A cursor
 * says which repository and where in it, so that any process can go on at any time.
 */
import { z } from 'zod';
import type { Cursor, Page, Resource } from '../../src/provider/index.js';
import type { ClientCall, GitHubClient } from './client.js';
import { fragment, probeDocument, spread } from './documents.js';
import { connectionOf, listPage } from './listing.js';
import { toRec } from './mapping.js';
import { nodesOf, numberOf, textOf } from './nodes.js';
import { checkErrors } from './partial.js';
import { listScope, type Repo, type Scope } from './scope.js';

/** A change may show a little after the time that it carries: runs begin this long before the end of the last one. */
const overlap = 120_000;
/** Repositories asked about in one probe; GitHub takes 100 node ids. */
const probeSize = 100;

const iso = z.iso.datetime();

const cursorSchema = z.object({
  /** The lower bound of changes; null in a full listing. */
  since: iso.nullable(),
  /** GitHub's time when this run began; null between runs. */
  from: iso.nullable(),
  /** Database id of the repository to go on in; 0 before the first. */
  repo: z.number().int().min(0),
  /** Where in it. */
  after: z.string().max(1000).nullable(),
});

type Position = z.output<typeof cursorSchema>;

function parseCursor(cursor: Cursor | null): Position {
  if (cursor === null) return { since: null, from: null, repo: 0, after: null };
  const parsed = cursorSchema.safeParse(cursor);
  if (!parsed.success) throw new Error('the cursor is not one of this provider');
  return parsed.data;
}

/** Whole seconds, as GitHub's own times: texts then compare as times do. */
function isoSeconds(millis: number): string {
  return new Date(millis).toISOString().replace(/\.\d{3}Z$/, 'Z');
}

/** Where the next run begins, after the end of this one. */
function nextRun(resource: Resource, from: string): Position {
  return { since: resource.pull.incremental ? from : null, from: null, repo: 0, after: null };
}

/** The repositories among `repos` that have changes, in their order. */
async function changed(
  client: GitHubClient,
  call: ClientCall,
  resource: Resource,
  repos: readonly Repo[],
  since: string,
): Promise<readonly Repo[]> {
  const connection = connectionOf(resource.object);
  // Comments have no such question.
  if (connection === undefined || connection === 'labels') return repos;
  const found = new Set<string>();
  for (let from = 0; from < repos.length; from += probeSize) {
    const ids = repos.slice(from, from + probeSize).map(({ id }) => id);
    const variables = connection === 'issues' ? { ids, since } : { ids };
    const { value } = await client.graphql(call, probeDocument(connection), variables);
    checkErrors(client, value, []);
    for (const node of nodesOf({ nodes: value.data['nodes'] })) {
      const id = textOf(node, 'id');
      const list = node['list'];
      const latest = textOf(nodesOf(list)[0], 'updatedAt') ?? '';
      if (id !== null && ((numberOf(list, 'totalCount') ?? 0) > 0 || latest >= since)) found.add(id);
    }
  }
  return repos.filter(({ id }) => found.has(id));
}

/** How many records there are in all, where GitHub counts them. */
function totalOf(resource: Resource, scope: Scope): number | undefined {
  if (connectionOf(resource.object) === undefined) return undefined;
  return scope.repos.reduce((sum, { node }) => sum + (numberOf(node['count'], 'totalCount') ?? 0), 0);
}

async function* inRepositories(
  client: GitHubClient,
  call: ClientCall,
  resource: Resource,
  position: Position,
): AsyncGenerator<Page> {
  const isNew = position.from === null;
  const connection = connectionOf(resource.object);
  const counts = position.since === null && connection !== undefined;
  const scope = await listScope(client, call, counts ? { extra: `count: ${connection} { totalCount }` } : {});
  const from = position.from ?? isoSeconds(scope.at);
  const since = position.since === null || !isNew ? position.since : isoSeconds(Date.parse(position.since) - overlap);
  const total = counts ? totalOf(resource, scope) : undefined;
  const ahead = scope.repos.filter(({ databaseId }) => databaseId >= position.repo);
  const repos = since === null ? ahead : await changed(client, call, resource, ahead, since);
  const rest = total === undefined ? {} : { total };
  for (const [index, repo] of repos.entries()) {
    let after = repo.databaseId === position.repo ? position.after : null;
    do {
      const page = await listPage(client, call, { resource, repo, since, after });
      after = page.next;
      const last = after === null && index === repos.length - 1;
      const next = last
        ? nextRun(resource, from)
        : { since, from, repo: after === null ? repo.databaseId + 1 : repo.databaseId, after };
      yield { records: page.records, deletions: [], next, last, ...rest };
    } while (after !== null);
  }
  if (repos.length === 0) {
    yield { records: [], deletions: [], next: nextRun(resource, from), last: true, ...rest };
  }
}

/** All repositories in one go: they are what every other listing begins with. */
async function* repositories(client: GitHubClient, call: ClientCall, resource: Resource): AsyncGenerator<Page> {
  const selected = { extra: spread('Repository'), fragments: fragment('Repository') };
  const { repos, at } = await listScope(client, call, selected);
  const size = client.config.page_size;
  const next = nextRun(resource, isoSeconds(at));
  for (let from = 0; from === 0 || from < repos.length; from += size) {
    const part = repos.slice(from, from + size);
    const records = part.map(({ node }) => toRec(resource, node));
    yield { records, deletions: [], next, last: from + size >= repos.length, total: repos.length };
  }
}

/** Pages of everything, or of the changes after a cursor. */
export function pull(
  client: GitHubClient,
  resource: Resource,
  since: Cursor | null,
  signal: AbortSignal,
): AsyncIterable<Page> {
  const call: ClientCall = { verb: 'read', signal };
  if (resource.object === 'Repository') return repositories(client, call, resource);
  return inRepositories(client, call, resource, parseCursor(since));
}
