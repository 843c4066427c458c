/**
 * GraphQL documents. Each has a name, by which GitHub's and one's own logs tell them apart. Values travel as variables; only names of this provider's own are put into the text.
 */
import { type ObjectName, type Table, tableOf } from './tables.js';

/** The members of an object that its columns need. */
function selection(table: Table): string {
  const members = new Set(table.fields.map(({ select, field }) => select ?? field));
  members.add('id');
  if (table.extra !== undefined) members.add(table.extra);
  return [...members].join(' ');
}

/** `fragment issue on Issue { … }`; used as `...Issue_`. */
export function fragment(object: ObjectName): string {
  return `fragment ${object}_ on ${object} { ${selection(tableOf(object))} }`;
}

export function spread(object: ObjectName): string {
  return `...${object}_`;
}

/** One mutation of a request. */
export interface Step {
  /** The mutation's name. */
  readonly mutation: string;
  /** The input type, as the schema calls it. */
  readonly inputType: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** What is selected of the payload. */
  readonly payload: string;
}

/** Aliased mutations in one document, which GitHub runs one after the other. */
export function mutationDocument(
  steps: readonly { readonly alias: string; readonly step: Step }[],
  object: ObjectName,
): { readonly document: string; readonly variables: Readonly<Record<string, unknown>> } {
  const parameters = steps.map(({ alias, step }) => `$${alias}: ${step.inputType}!`).join(', ');
  const fields = steps.map(({ alias, step }) => `  ${alias}: ${step.mutation}(input: $${alias}) { ${step.payload} }`);
  const usesFragment = steps.some(({ step }) => step.payload.includes(spread(object)));
  const document = [
    `mutation Write(${parameters}) {`,
    ...fields,
    '}',
    ...(usesFragment ? [fragment(object)] : []),
  ].join('\n');
  return { document, variables: Object.fromEntries(steps.map(({ alias, step }) => [alias, step.input])) };
}

/** Objects by node id. */
export function nodesDocument(object: ObjectName): string {
  return `query Read($ids: [ID!]!) { nodes(ids: $ids) { __typename ${spread(object)} } }\n${fragment(object)}`;
}

const page = 'pageInfo { hasNextPage endCursor }';

/** Connections of a repository whose nodes are records. */
export type Connection = 'issues' | 'pullRequests' | 'labels' | 'milestones';

export interface ListOptions {
  readonly connection: Connection;
  readonly object: ObjectName;
  readonly order: 'CREATED_AT' | 'UPDATED_AT';
  readonly direction: 'ASC' | 'DESC';
  /** Issues alone can be filtered by the time of their last change. */
  readonly since?: boolean;
}

/** One page of a repository's records. Variables: id, first, after, and since where asked for. */
export function listDocument(options: ListOptions): string {
  const { connection, object, order, direction, since = false } = options;
  const filter = since ? ', filterBy: { since: $since }' : '';
  const parameters = `$id: ID!, $first: Int!, $after: String${since ? ', $since: DateTime!' : ''}`;
  return `query List(${parameters}) {
  node(id: $id) {
    ... on Repository {
      list: ${connection}(first: $first, after: $after, orderBy: { field: ${order}, direction: ${direction} }${filter}) {
        ${page}
        nodes { ${spread(object)} }
      }
    }
  }
}
${fragment(object)}`;
}

/** Which repositories have changes. Variables: ids, and since for issues. */
export function probeDocument(connection: Exclude<Connection, 'labels'>): string {
  const latest = `list: ${connection}(first: 1, orderBy: { field: UPDATED_AT, direction: DESC }) { nodes { updatedAt } }`;
  const issues = 'list: issues(filterBy: { since: $since }) { totalCount }';
  const parameters = `$ids: [ID!]!${connection === 'issues' ? ', $since: DateTime!' : ''}`;
  const probe = connection === 'issues' ? issues : latest;
  return `query Probe(${parameters}) { nodes(ids: $ids) { ... on Repository { id ${probe} } } }`;
}

/** A page of an owner's repositories, oldest first. Variables: login, first, after. `extra` counts or selects more. */
export function ownedDocument(extra: string, fragments: string): string {
  return `query Owned($login: String!, $first: Int!, $after: String) {
  repositoryOwner(login: $login) {
    repositories(first: $first, after: $after, ownerAffiliations: [OWNER], orderBy: { field: CREATED_AT, direction: ASC }) {
      ${page}
      nodes { id databaseId nameWithOwner ${extra} }
    }
  }
}
${fragments}`;
}

/** Single repositories by name, one alias each. Variables: o0, n0, o1, n1 … */
export function namedDocument(count: number, extra: string, fragments: string): string {
  const indices = Array.from({ length: count }, (_, index) => index);
  const parameters = indices.map((index) => `$o${index}: String!, $n${index}: String!`).join(', ');
  const fields = indices.map(
    (index) => `  r${index}: repository(owner: $o${index}, name: $n${index}) { id databaseId nameWithOwner ${extra} }`,
  );
  return [`query Named(${parameters}) {`, ...fields, '}', fragments].join('\n');
}

export const viewerDocument = 'query Check { viewer { login } }';
