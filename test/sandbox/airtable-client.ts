/** A bare HTTP client for the Airtable sandbox's tests: nothing retried, nothing hidden. */
import { type AirtableSandbox, DEFAULT_CREDENTIALS } from '../../fixtures/airtable/index.js';
import type { Json, JsonObject } from '../../fixtures/kit/index.js';
import { type Answer, list, object, send, text } from './client.js';

export class AirtableClient {
  readonly #sandbox: AirtableSandbox;
  readonly #token: string;

  constructor(sandbox: AirtableSandbox, token: string = DEFAULT_CREDENTIALS.personalAccessToken) {
    this.#sandbox = sandbox;
    this.#token = token;
  }

  /** `path` is behind `/v0/`. */
  call(method: string, path: string, body?: Json | string): Promise<Answer> {
    return send(`${this.#sandbox.url}/v0/${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  }

  /** The address of a table, by names. */
  table(base = 'Caladan CRM', table = 'Contacts'): string {
    const ids = this.#sandbox.ids(base, table);
    return `${ids.base}/${ids.table}`;
  }

  create(...records: readonly JsonObject[]): Promise<Answer> {
    return this.call('POST', this.table(), { records: records.map((fields) => ({ fields })) });
  }
}

export function recordsOf(answer: Answer): readonly JsonObject[] {
  return list(object(answer.body)['records']).map(object);
}

export function idsOf(answer: Answer): readonly string[] {
  return recordsOf(answer).map((record) => text(record['id']));
}

export function fieldsOf(record: JsonObject | undefined): JsonObject {
  return object(record?.['fields']);
}
