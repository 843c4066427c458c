/**
 * The HTTP listener of one Upwrite process: health, metrics, webhooks. What it answers is given to it as routes; it knows
 * HTTP and its bounds, and nothing else.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/** A request that a route accepts, its body read within the route's bound. */
export interface AdminRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Lower-case names; the values of a repeated header are joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
  /** As it came: signatures are over these bytes. */
  readonly body: Buffer;
  /** The path and query as the client sent them. */
  readonly target: string;
}

export interface AdminReply {
  readonly status: number;
  /** Default `text/plain; charset=utf-8`. */
  readonly type?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'HEAD';
  /** The whole path, or with a `*` at its end all that begin so. */
  readonly path: string;
  /** Bytes of the longest body that is taken; default 0. A longer one is answered 413 and not read. */
  readonly maxBody?: number;
  handle(request: AdminRequest): Promise<AdminReply> | AdminReply;
}

export interface AdminOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly routes: readonly Route[];
  /** Requests under way at once; one more is answered 503. Default 256. */
  readonly maxInFlight?: number;
  /** Milliseconds that a client has for its whole request. Default 10,000. */
  readonly requestTimeout?: number;
  readonly onError: (error: unknown) => void;
}

export interface Admin {
  readonly host: string;
  readonly port: number;
  /** Clients are cut off at once; resolves when what was under way for them has come to its end. */
  close(): Promise<void>;
}

/** A body that is longer than the route takes. */
class TooLarge extends Error {}

/** Starts listening. Rejects when the address cannot be taken. */
export async function startAdmin(options: AdminOptions): Promise<Admin> {
  let underWay = 0;
  const answering = new Set<Promise<void>>();
  const server = createServer((request, response) => {
    if (underWay >= (options.maxInFlight ?? 256)) {
      send(response, { status: 503, body: 'too many requests at once\n' });
      return;
    }
    underWay += 1;
    response.once('close', () => {
      underWay -= 1;
    });
    const answered = answer(options, request)
      .catch((error: unknown) => failure(options, error))
      .then((reply) => send(response, reply))
      .catch(options.onError)
      .finally(() => answering.delete(answered));
    answering.add(answered);
  });
  server.requestTimeout = options.requestTimeout ?? 10_000;
  server.headersTimeout = Math.min(5000, server.requestTimeout);
  server.maxHeadersCount = 100;
  await listen(server, options);
  const address = server.address();
  return {
    host: options.host,
    port: typeof address === 'object' && address !== null ? address.port : options.port,
    close: async () => {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      await Promise.all(answering);
    },
  };
}

function listen(server: Server, { host, port, onError }: AdminOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      server.on('error', onError);
      resolve();
    });
  });
}

async function answer(options: AdminOptions, request: IncomingMessage): Promise<AdminReply> {
  const target = request.url ?? '/';
  const url = new URL(target, 'http://admin.invalid');
  const here = options.routes.filter((route) => matches(route.path, url.pathname));
  const route = here.find(({ method }) => method === request.method);
  if (route === undefined) {
    if (here.length === 0) return { status: 404, body: 'there is nothing here\n' };
    return {
      status: 405,
      body: 'method not allowed\n',
      headers: { allow: here.map(({ method }) => method).join(', ') },
    };
  }
  const body = await readBody(request, route.maxBody ?? 0);
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  );
  return route.handle({ method: route.method, path: url.pathname, query: url.searchParams, headers, body, target });
}

function matches(pattern: string, path: string): boolean {
  return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern;
}

/** The bound is looked at before a byte is kept, and again as the bytes come. */
async function readBody(request: IncomingMessage, most: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > most) throw new TooLarge();
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) continue;
    length += chunk.length;
    if (length > most) throw new TooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

function failure(options: AdminOptions, error: unknown): AdminReply {
  if (error instanceof TooLarge)
    return { status: 413, body: 'the body is too large\n', headers: { connection: 'close' } };
  options.onError(error);
  return { status: 500, body: 'internal error\n' };
}

function send(response: ServerResponse, reply: AdminReply): void {
  if (response.destroyed) return;
  response.writeHead(reply.status, { 'content-type': reply.type ?? 'text/plain; charset=utf-8', ...reply.headers });
  response.end(reply.body ?? '');
}
