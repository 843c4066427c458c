/** GitHub, through Octokit. See README.md for what it offers and what it cannot do. */
import { FaultError, fault } from '../../src/errors/index.js';
import {
  CallFailure,
  guardedPages,
  type Kit,
  type Pace,
  type Provider,
  type RequestPlan,
  type Resource,
  type Session,
  type Verb,
} from '../../src/provider/index.js';
import { grant } from './auth.js';
import { GitHubClient, RequestRefused } from './client.js';
import { type GitHubConfig, parseConfig } from './config.js';
import { viewerDocument } from './documents.js';
import { webhooksOf } from './hooks.js';
import { isRest } from './mutations.js';
import { textOf } from './nodes.js';
import { pull } from './pull.js';
import { findInserted, read } from './read.js';
import { Directory } from './refs.js';
import { resourcesOf } from './resources.js';
import { write } from './write.js';

/** Turns what the provider's own errors mean into faults; everything that leaves a session goes through here. */
async function asFaults<T>(kit: Kit, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof RequestRefused) throw readFault(kit, error);
    if (!(error instanceof CallFailure)) throw error;
    throw new FaultError(fault('internal', { params: { what: kit.describe(error) } }), { cause: error });
  }
}

/** A read that GitHub does not allow is the fault of the credentials' permissions, in GitHub's own words. */
function readFault(kit: Kit, error: RequestRefused): FaultError {
  const types = new Set(['FORBIDDEN', 'INSUFFICIENT_SCOPES']);
  const isDenied = error.status === 403 || error.errors.some(({ type }) => types.has(type));
  const context = kit.describe(error);
  const params = { provider: kit.provider, table: '', verb: 'SELECT', what: context };
  return new FaultError(fault(isDenied ? 'upstream_permission' : 'internal', { params, context }), { cause: error });
}

const methods: Readonly<Partial<Record<Verb, string>>> = { insert: 'POST', update: 'PATCH', delete: 'DELETE' };

/**
 * The requests that a write can take at most. An insert has to know the ids of its repositories (and labels, people and
 * milestones), an update those of the labels, people and milestone that it sets, and the repositories that these are in.
 * What was looked up lately is not asked for again.
 */
function plan(config: GitHubConfig, verb: Verb, resource: Resource, rows: number): RequestPlan {
  if (isRest(verb, resource.object)) {
    const base = new URL(config.base_url).pathname.replace(/\/$/, '');
    const milestones = `${base}/repos/{owner}/{repo}/milestones${verb === 'insert' ? '' : '/{number}'}`;
    const path = resource.object === 'Repository' ? `${base}/repos/{owner}/{repo}` : milestones;
    return { method: methods[verb] ?? '', path, calls: rows + (verb === 'insert' ? 0 : 1) };
  }
  const marked = resource.object === 'Issue' || resource.object === 'PullRequest';
  const lookups = verb === 'insert' ? 1 : verb === 'update' && marked ? 2 : 0;
  const { pathname } = new URL(config.base_url);
  return { method: 'POST', path: /\/api\/v3\/?$/.test(pathname) ? '/api/graphql' : '/graphql', calls: 1 + lookups };
}

async function check(client: GitHubClient, signal: AbortSignal): Promise<string> {
  const { value } = await client.graphql({ verb: 'read', lane: 'write', signal }, viewerDocument, {});
  const login = textOf(value.data['viewer'], 'login');
  if (login === null) throw new RequestRefused(200, client.words(value.errors), value.errors);
  return `user ${login}`;
}

function open(config: GitHubConfig, kit: Kit): Session {
  const client = new GitHubClient(config, kit);
  const directory = new Directory(client);
  return {
    describe: async () => resourcesOf(config),
    plan: (verb, resource, rows) => plan(config, verb, resource, rows),
    write: (batch, signal) => write(client, directory, batch, signal),
    pull: (resource, since, signal) =>
      guardedPages(pull(client, resource, since, signal), (work) => asFaults(kit, work)),
    read: (resource, keys, signal) => asFaults(kit, read(client, resource, keys, signal)),
    findInserted: (batch, sentAt, signal) => asFaults(kit, findInserted(client, batch, sentAt, signal)),
    webhooks: webhooksOf(client, (work) => asFaults(kit, work)),
    check: (signal) => asFaults(kit, check(client, signal)),
  };
}

/** 5,000 points an hour of a user (REST and GraphQL rate limits); a look asks for the repositories and for changes in them. */
const pace: Pace = { requests: 5000, perMillis: 3_600_000, share: 0.4, look: 2, leastMillis: 15_000 };

export const provider: Provider<GitHubConfig> = { name: 'github', pace, parseConfig, grant, open };
