/** A bare HTTP client for sandbox tests: nothing retried, nothing hidden. */
import { isJsonObject, type Json, type JsonObject, parseJson } from '../../fixtures/kit/index.js';
import { DEFAULT_CREDENTIALS, type SalesforceSandbox } from '../../fixtures/salesforce/index.js';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json | undefined;
}

export async function send(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, init);
  return { status: response.status, headers: response.headers, body: parseJson(await response.text()) };
}

export async function tokenRequest(
  sandbox: SalesforceSandbox,
  form: Readonly<Record<string, string>>,
): Promise<Answer> {
  return send(`${sandbox.url}/services/oauth2/token`, { method: 'POST', body: new URLSearchParams(form) });
}

export function object(value: Json | undefined): JsonObject {
  if (!isJsonObject(value)) throw new Error(`not an object: ${JSON.stringify(value)}`);
  return value;
}

export function list(value: Json | undefined): readonly Json[] {
  if (!Array.isArray(value)) throw new Error(`not a list: ${JSON.stringify(value)}`);
  return value;
}

export function text(value: Json | undefined): string {
  if (typeof value !== 'string') throw new Error(`not a string: ${JSON.stringify(value)}`);
  return value;
}

/** Calls of the data API with a token of its own. */
export class Client {
  readonly #sandbox: SalesforceSandbox;
  readonly #token: string;
  readonly version: string;

  constructor(sandbox: SalesforceSandbox, token: string, version = 'v60.0') {
    this.#sandbox = sandbox;
    this.#token = token;
    this.version = version;
  }

  static async login(sandbox: SalesforceSandbox, version = 'v60.0'): Promise<Client> {
    const { clientId, clientSecret } = DEFAULT_CREDENTIALS;
    const answer = await tokenRequest(sandbox, {
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: clientSecret,
    });
    return new Client(sandbox, text(object(answer.body)['access_token']), version);
  }

  /** `path` is behind the version; one that starts with `/services` is taken whole. */
  call(
    method: string,
    path: string,
    body?: Json | string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const base = path.startsWith('/services') ? '' : `/services/data/${this.version}`;
    return send(`${this.#sandbox.url}${base}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  }

  query(soql: string, resource = 'query'): Promise<Answer> {
    return this.call('GET', `/${resource}?q=${encodeURIComponent(soql)}`);
  }

  create(type: string, records: readonly JsonObject[], allOrNone = false): Promise<Answer> {
    return this.call('POST', '/composite/sobjects', { allOrNone, records: typed(type, records) });
  }

  update(type: string, records: readonly JsonObject[], allOrNone = false): Promise<Answer> {
    return this.call('PATCH', '/composite/sobjects', { allOrNone, records: typed(type, records) });
  }

  remove(ids: readonly string[], allOrNone = false): Promise<Answer> {
    return this.call('DELETE', `/composite/sobjects?ids=${ids.join(',')}&allOrNone=${allOrNone}`);
  }
}

function typed(type: string, records: readonly JsonObject[]): readonly JsonObject[] {
  return records.map((record) => ({ attributes: { type }, ...record }));
}

/** The member of the only record of a list of results. */
export function idsOf(answer: Answer): readonly string[] {
  return list(answer.body).map((result) => text(object(result)['id']));
}

/** A failed entry among the results of a collection call. */
export function refusal(statusCode: string, message: string, fields: readonly string[] = []): JsonObject {
  return { success: false, errors: [{ statusCode, message, fields }] };
}
