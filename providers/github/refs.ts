/**
 * From names to node ids: GraphQL takes ids, statements have the names of repositories, labels, people and the numbers of
 * milestones and issues. What is not known is asked for in one query (two where the repository of a changed row is not
 * known either), and kept for a minute; repositories, and which one an issue is in, for an hour.
 */
import type { JsonValue } from '../../src/provider/index.js';
import type { ClientCall, GitHubClient, GraphError } from './client.js';
import { isNode, memberOf, textOf } from './nodes.js';
import { checkErrors } from './partial.js';

/** What can be looked up. Names are compared in lower case. */
export type Reference =
  | { readonly kind: 'owner' | 'user'; readonly name: string }
  | { readonly kind: 'repository'; readonly repository: string }
  | { readonly kind: 'label'; readonly repository: string; readonly name: string }
  | { readonly kind: 'milestone' | 'subject'; readonly repository: string; readonly number: number };

/** An id, or why there is none, in GitHub's own words. */
export type Found = { readonly id: string } | { readonly words: string };

interface Kept {
  readonly id: string;
  readonly until: number;
}

const shortly = 60_000;
const longer = 3_600_000;
/** Ids kept at most; the oldest go first. */
const capacity = 20_000;
/** Names in one query at most, and node ids (GitHub takes 100). */
const namesPerQuery = 200;
const idsPerQuery = 100;

function cacheKey(reference: Reference): string {
  switch (reference.kind) {
    case 'owner':
    case 'user':
      return JSON.stringify([reference.kind, reference.name.toLowerCase()]);
    case 'repository':
      return JSON.stringify(['repository', reference.repository.toLowerCase()]);
    case 'label':
      return JSON.stringify(['label', reference.repository.toLowerCase(), reference.name.toLowerCase()]);
    case 'milestone':
    case 'subject':
      return JSON.stringify([reference.kind, reference.repository.toLowerCase(), reference.number]);
  }
}

/** A lookup's alias, its field, and where in the answer its id is. */
interface Lookup {
  readonly reference: Reference;
  readonly alias: string;
  readonly field: string;
  readonly declarations: readonly string[];
  readonly variables: Readonly<Record<string, JsonValue>>;
  readonly inner: readonly string[];
}

function inRepository(repository: string, index: number, field: string) {
  const [owner = '', name = ''] = repository.split('/');
  return {
    alias: `r${index}`,
    field: `repository(owner: $o${index}, name: $n${index}) { ${field} }`,
    declarations: [`$o${index}: String!`, `$n${index}: String!`],
    variables: { [`o${index}`]: owner, [`n${index}`]: name },
  };
}

function toLookup(reference: Reference, index: number): Lookup {
  switch (reference.kind) {
    case 'owner':
    case 'user':
      return {
        reference,
        alias: `r${index}`,
        field: `${reference.kind === 'owner' ? 'repositoryOwner' : 'user'}(login: $l${index}) { id }`,
        declarations: [`$l${index}: String!`],
        variables: { [`l${index}`]: reference.name },
        inner: [],
      };
    case 'repository':
      return { reference, inner: [], ...inRepository(reference.repository, index, 'id') };
    case 'label': {
      const base = inRepository(reference.repository, index, `found: label(name: $l${index}) { id }`);
      return {
        ...base,
        reference,
        declarations: [...base.declarations, `$l${index}: String!`],
        variables: { ...base.variables, [`l${index}`]: reference.name },
        inner: ['found'],
      };
    }
    case 'milestone':
    case 'subject': {
      const field =
        reference.kind === 'milestone'
          ? `found: milestone(number: $l${index}) { id }`
          : `found: issueOrPullRequest(number: $l${index}) { ... on Issue { id } ... on PullRequest { id } }`;
      const base = inRepository(reference.repository, index, field);
      return {
        ...base,
        reference,
        declarations: [...base.declarations, `$l${index}: Int!`],
        variables: { ...base.variables, [`l${index}`]: reference.number },
        inner: ['found'],
      };
    }
  }
}

/** The document of some lookups; for tests that hold it to the schema. */
export function lookupDocument(references: readonly Reference[]) {
  const lookups = references.map(toLookup);
  const document = [
    `query Lookup(${lookups.flatMap(({ declarations }) => declarations).join(', ')}) {`,
    ...lookups.map(({ alias, field }) => `  ${alias}: ${field}`),
    '}',
  ].join('\n');
  return { lookups, document, variables: Object.assign({}, ...lookups.map(({ variables }) => variables)) };
}

/** Which repository each object is in. */
export const homesDocument = `query Homes($ids: [ID!]!) {
  nodes(ids: $ids) {
    id
    ... on Issue { number repository { nameWithOwner } }
    ... on PullRequest { number repository { nameWithOwner } }
    ... on Milestone { number repository { nameWithOwner } }
    ... on Repository { nameWithOwner }
  }
}`;

/** Where an object is: the repository, and its number there (0 for a repository itself). */
export interface Home {
  readonly repository: string;
  readonly number: number;
}

function notFound(client: GitHubClient, errors: readonly GraphError[], alias: string): string {
  const own = errors.filter(({ path }) => path[0] === alias);
  return own.length > 0 ? client.words(own) : `${client.kit.provider} answered null`;
}

export class Directory {
  private readonly client: GitHubClient;
  private readonly ids = new Map<string, Kept>();
  private readonly homes = new Map<string, Home & { readonly until: number }>();

  constructor(client: GitHubClient) {
    this.client = client;
  }

  /** Forgets everything: a write found an id that is no longer good. */
  forget(): void {
    this.ids.clear();
    this.homes.clear();
  }

  /** The id of each reference, or why there is none. */
  async find(references: readonly Reference[], call: ClientCall): Promise<(reference: Reference) => Found> {
    const now = this.client.kit.now();
    const answers = new Map<string, Found>();
    const wanted = new Map<string, Reference>();
    for (const reference of references) {
      const key = cacheKey(reference);
      const kept = this.ids.get(key);
      if (kept !== undefined && kept.until > now) answers.set(key, { id: kept.id });
      else wanted.set(key, reference);
    }
    const unknown = [...wanted.values()];
    for (let from = 0; from < unknown.length; from += namesPerQuery) {
      await this.ask(unknown.slice(from, from + namesPerQuery), call, answers);
    }
    return (reference) => answers.get(cacheKey(reference)) ?? { words: `${this.client.kit.provider} answered nothing` };
  }

  private async ask(part: readonly Reference[], call: ClientCall, answers: Map<string, Found>): Promise<void> {
    const { lookups, document, variables } = lookupDocument(part);
    const { value } = await this.client.graphql(call, document, variables);
    checkErrors(this.client, value, []);
    for (const { reference, alias, inner } of lookups) {
      const node = inner.reduce<unknown>(memberOf, value.data[alias]);
      const id = textOf(node, 'id');
      answers.set(cacheKey(reference), id === null ? { words: notFound(this.client, value.errors, alias) } : { id });
      if (id !== null) this.keep(reference, id);
    }
  }

  private keep(reference: Reference, id: string): void {
    const lasting = reference.kind === 'repository' || reference.kind === 'owner' || reference.kind === 'user';
    const oldest = this.ids.keys().next().value;
    if (this.ids.size >= capacity && oldest !== undefined) this.ids.delete(oldest);
    this.ids.set(cacheKey(reference), { id, until: this.client.kit.now() + (lasting ? longer : shortly) });
  }

  /** Where objects are, by node id; those that GitHub does not have are absent. */
  async homesOf(keys: readonly string[], call: ClientCall): Promise<ReadonlyMap<string, Home>> {
    const now = this.client.kit.now();
    const found = new Map<string, Home>();
    const unknown: string[] = [];
    for (const key of new Set(keys)) {
      const kept = this.homes.get(key);
      if (kept !== undefined && kept.until > now) found.set(key, kept);
      else unknown.push(key);
    }
    for (let from = 0; from < unknown.length; from += idsPerQuery) {
      const ids = unknown.slice(from, from + idsPerQuery);
      const { value } = await this.client.graphql(call, homesDocument, { ids });
      checkErrors(this.client, value, ['nodes']);
      const nodes = value.data['nodes'];
      for (const [index, key] of ids.entries()) {
        const home = homeOf(Array.isArray(nodes) ? nodes[index] : undefined);
        if (home === undefined) continue;
        found.set(key, home);
        const oldest = this.homes.keys().next().value;
        if (this.homes.size >= capacity && oldest !== undefined) this.homes.delete(oldest);
        this.homes.set(key, { ...home, until: now + longer });
      }
    }
    return found;
  }
}

function homeOf(node: unknown): Home | undefined {
  if (!isNode(node)) return undefined;
  const own = textOf(node, 'nameWithOwner') ?? textOf(node['repository'], 'nameWithOwner');
  const number = node['number'];
  return own === null ? undefined : { repository: own, number: typeof number === 'number' ? number : 0 };
}
