/** The repositories that a connection syncs. */
import type { Kit } from '../../src/provider/index.js';
import { type Answered, type ClientCall, type GitHubClient, type GraphAnswer, RequestRefused } from './client.js';
import type { GitHubConfig } from './config.js';
import { namedDocument, ownedDocument } from './documents.js';
import { type ApiNode, isNode, memberOf, nodesOf, numberOf, textOf } from './nodes.js';
import { checkErrors } from './partial.js';
import { shrinking } from './too-much.js';

export interface Repo {
  readonly id: string;
  /** The REST API's id: repositories are visited in its order, which is that of their creation. */
  readonly databaseId: number;
  /** Owner and name. */
  readonly fullName: string;
  readonly node: ApiNode;
}

/** Repositories asked for by name in one document. */
const namesPerRequest = 50;
const ownersPage = 100;

/** Whether a repository is among those of the configuration. GitHub's names are the same in every case. */
export function isInScope(config: GitHubConfig, fullName: string): boolean {
  const wanted = fullName.toLowerCase();
  const [owner] = wanted.split('/');
  return (
    config.owners.some((login) => login.toLowerCase() === owner) ||
    config.repositories.some((name) => name.toLowerCase() === wanted)
  );
}

function toRepo(node: unknown): Repo | undefined {
  const id = textOf(node, 'id');
  const databaseId = numberOf(node, 'databaseId');
  const fullName = textOf(node, 'nameWithOwner');
  if (!isNode(node) || id === null || databaseId === null || fullName === null) return undefined;
  return { id, databaseId, fullName, node };
}

export interface Scope {
  /** By database id. */
  readonly repos: readonly Repo[];
  /** GitHub's clock when it began to answer, epoch milliseconds. */
  readonly at: number;
}

interface Selected {
  /** Members besides id, database id and name, and the fragments that they use. */
  readonly extra?: string;
  readonly fragments?: string;
}

async function owned(client: GitHubClient, call: ClientCall, login: string, selected: Selected) {
  const document = ownedDocument(selected.extra ?? '', selected.fragments ?? '');
  const found: ApiNode[] = [];
  let after: string | null = null;
  let at: number | undefined;
  for (;;) {
    const most = Math.min(ownersPage, client.config.page_size);
    const from = after;
    const answer: Answered<GraphAnswer> = await shrinking(client, 'list repositories', most, async (first) => {
      const given = await client.graphql(call, document, { login, first, after: from });
      checkErrors(client, given.value, ['repositoryOwner', 'repositories', 'nodes']);
      return given;
    });
    at ??= answer.at;
    const owner = answer.value.data['repositoryOwner'];
    // Taken for an owner without repositories, it would empty every table.
    if (!isNode(owner)) throw new RequestRefused(200, `github has no owner "${login}", or does not show it`, []);
    const list = memberOf(owner, 'repositories');
    found.push(...nodesOf(list));
    const info = memberOf(list, 'pageInfo');
    after = textOf(info, 'endCursor');
    if (memberOf(info, 'hasNextPage') !== true || after === null) return { found, at };
  }
}

async function named(client: GitHubClient, call: ClientCall, names: readonly string[], selected: Selected) {
  const found: ApiNode[] = [];
  let at: number | undefined;
  for (let from = 0; from < names.length; from += namesPerRequest) {
    const part = names.slice(from, from + namesPerRequest);
    const document = namedDocument(part.length, selected.extra ?? '', selected.fragments ?? '');
    const variables: Record<string, string> = {};
    for (const [index, fullName] of part.entries()) {
      const [owner = '', name = ''] = fullName.split('/');
      variables[`o${index}`] = owner;
      variables[`n${index}`] = name;
    }
    const answer = await client.graphql(call, document, variables);
    at ??= answer.at;
    checkErrors(client, answer.value, []);
    for (const [index, fullName] of part.entries()) {
      const node = answer.value.data[`r${index}`];
      if (isNode(node)) found.push(node);
      else warnMissing(client.kit, fullName);
    }
  }
  return { found, at };
}

function warnMissing(kit: Kit, fullName: string): void {
  kit.log.warn({ repository: fullName }, 'github has no such repository, or does not show it');
}

/** Lists the repositories of the configuration, each once. */
export async function listScope(client: GitHubClient, call: ClientCall, selected: Selected = {}): Promise<Scope> {
  const { owners, repositories } = client.config;
  const nodes: ApiNode[] = [];
  let at: number | undefined;
  for (const login of owners) {
    const part = await owned(client, call, login, selected);
    nodes.push(...part.found);
    at ??= part.at;
  }
  // Those of a listed owner came with it.
  const others = repositories.filter((name) => !isInScope({ ...client.config, repositories: [] }, name));
  const part = await named(client, call, others, selected);
  nodes.push(...part.found);
  at ??= part.at;
  const byId = new Map(nodes.flatMap((node) => toRepo(node) ?? []).map((repo) => [repo.databaseId, repo]));
  return {
    repos: [...byId.values()].sort((a, b) => a.databaseId - b.databaseId),
    at: at ?? client.kit.now(),
  };
}
