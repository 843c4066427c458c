/**
 * Requests that ask for more at once than GitHub gives its time to. It answers what it has got until then, and errors in
 * place of the rest: of several mutations, those that come too late are not run.
 * Sources: GitHub Docs, "Rate limits and query limits for the GraphQL API" (node limit, resource limits); GitHub Changelog
 * of 2025-09-01, "GraphQL API resource limits". That mutations beyond about 75 in one request end so is reported by others.
 */
import { type GitHubClient, type GraphError, RequestRefused } from './client.js';

const types = new Set(['RESOURCE_LIMITS_EXCEEDED', 'MAX_NODE_LIMIT_EXCEEDED', 'EXCESSIVE_PAGINATION']);

/** Whether this part of a request was left out because the request asks for too much. */
export function isTooMuch(error: GraphError): boolean {
  return types.has(error.type);
}

/**
 * Asks for `most` at once, or for half as many until GitHub gives them. What it gave is remembered under `name`, for the
 * next time. Throws what `ask` throws.
 */
export async function shrinking<T>(
  client: GitHubClient,
  name: string,
  most: number,
  ask: (size: number) => Promise<T>,
): Promise<T> {
  for (let size = Math.min(most, client.sizes.get(name) ?? most); ; size = Math.ceil(size / 2)) {
    try {
      return await ask(size);
    } catch (error) {
      if (!(error instanceof RequestRefused) || size <= 1 || !error.errors.some(isTooMuch)) throw error;
      client.sizes.set(name, Math.ceil(size / 2));
      client.kit.log.info(
        { connection: client.kit.connection, what: name, size },
        'github gives less than this at once',
      );
    }
  }
}
