/**
 * Webhooks: a signed ping that carries no data, and payloads that are fetched by cursor. A ping's secret comes once, when
 * the webhook is created; a webhook ends after seven days unless it is refreshed or its payloads are listed.
 * Source: Web API documentation, "Webhooks overview", "List webhook payloads".
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';

/** A record that changed, appeared or went. */
export interface WebhookChange {
  /** The resource's object: base and table. */
  readonly object: string;
  readonly key: string;
  readonly deleted: boolean;
}

/** What a page of payloads says, and where to go on. */
export interface WebhookPage {
  readonly changes: readonly WebhookChange[];
  /** The number of the next payload. */
  readonly cursor: number;
  readonly more: boolean;
}

const pingSchema = z.object({
  base: z.object({ id: z.string() }),
  webhook: z.object({ id: z.string() }),
  timestamp: z.string(),
});

const byId = z.record(z.string(), z.unknown());

const tableSchema = z.object({
  createdRecordsById: byId.optional(),
  changedRecordsById: byId.optional(),
  destroyedRecordIds: z.array(z.string()).optional(),
});

const pageSchema = z.object({
  payloads: z.array(z.object({ changedTablesById: z.record(z.string(), tableSchema).optional() })),
  cursor: z.number().int().positive(),
  mightHaveMore: z.boolean(),
});

/** Whether a ping's body was signed with the webhook's secret. The body is the bytes as they came. */
export function isSigned(body: string | Uint8Array, header: string | undefined, macSecretBase64: string): boolean {
  const given = Buffer.from(header ?? '', 'utf8');
  const digest = createHmac('sha256', Buffer.from(macSecretBase64, 'base64')).update(body).digest('hex');
  const wanted = Buffer.from(`hmac-sha256=${digest}`, 'utf8');
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

/** Which webhook a ping is of; undefined when it is no ping. */
export function parsePing(body: unknown): { readonly base: string; readonly webhook: string } | undefined {
  const parsed = pingSchema.safeParse(body);
  return parsed.success ? { base: parsed.data.base.id, webhook: parsed.data.webhook.id } : undefined;
}

/** The records that a page of payloads names, each once, with what became of it last. Throws where it is no such page. */
export function parsePayloads(base: string, body: unknown): WebhookPage {
  const { payloads, cursor, mightHaveMore } = pageSchema.parse(body);
  const last = new Map<string, WebhookChange>();
  for (const { changedTablesById = {} } of payloads) {
    for (const [table, changes] of Object.entries(changedTablesById)) {
      const object = `${base}/${table}`;
      const note = (key: string, deleted: boolean): void => {
        last.delete(`${object}/${key}`);
        last.set(`${object}/${key}`, { object, key, deleted });
      };
      for (const key of Object.keys(changes.createdRecordsById ?? {})) note(key, false);
      for (const key of Object.keys(changes.changedRecordsById ?? {})) note(key, false);
      for (const key of changes.destroyedRecordIds ?? []) note(key, true);
    }
  }
  return { changes: [...last.values()], cursor, more: mightHaveMore };
}
