/**
 * Webhooks: the signature, version 3, and what an event says about which record.
 * Source: Webhooks guide, "Validating requests from HubSpot"; "Webhook payloads".
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { jsonOf } from './transport.js';

/** A request as it arrived. */
export interface WebhookRequest {
  readonly method: string;
  /** The address that HubSpot posted to, with scheme, host and query. */
  readonly uri: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

/** A record that changed, appeared or went. */
export interface WebhookChange {
  /** The object as resources call it: a name, or the type id of a custom object. */
  readonly object: string;
  readonly key: string;
  /** Whether the record is gone; absent where the event does not tell. */
  readonly deleted?: boolean;
}

/** Requests older than this, or from further ahead, are refused; milliseconds. */
export const tolerance = 300_000;

/** Most events that are read of one request: HubSpot sends a hundred. */
const mostEvents = 1000;

/** Addresses are signed with these characters decoded. */
const decodedCharacters: Readonly<Record<string, string>> = {
  '%3A': ':',
  '%2F': '/',
  '%3F': '?',
  '%40': '@',
  '%21': '!',
  '%24': '$',
  '%27': "'",
  '%28': '(',
  '%29': ')',
  '%2A': '*',
  '%2C': ',',
  '%3B': ';',
};

function signedUri(uri: string): string {
  return uri.replace(
    /%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)/gi,
    (code) => decodedCharacters[code.toUpperCase()] ?? code,
  );
}

/** The bytes of a request's signature, whatever they were written like. */
export function signatureOf({ headers }: WebhookRequest): Buffer {
  return Buffer.from(headers['x-hubspot-signature-v3'] ?? '', 'base64');
}

/** Whether a request was signed with the app's client secret within the last five minutes. */
export function isSigned(request: WebhookRequest, clientSecret: string, now: number): boolean {
  const { method, uri, headers, body } = request;
  const timestamp = headers['x-hubspot-request-timestamp'] ?? '';
  const given = signatureOf(request);
  if (!/^\d{1,15}$/.test(timestamp) || Math.abs(now - Number(timestamp)) > tolerance) return false;
  const expected = createHmac('sha256', clientSecret)
    .update(`${method.toUpperCase()}${signedUri(uri)}${body}${timestamp}`)
    .digest();
  return given.byteLength === expected.byteLength && timingSafeEqual(given, expected);
}

const id = z.union([z.number(), z.string()]).transform(String);

const eventsSchema = z
  .array(
    z.object({
      subscriptionType: z.string(),
      // A change of associations has two ids instead.
      objectId: id.optional(),
      objectTypeId: z.string().optional(),
      mergedObjectIds: z.array(id).optional(),
      associationType: z.string().optional(),
      fromObjectId: id.optional(),
      toObjectId: id.optional(),
    }),
  )
  .max(mostEvents);

const objectsByName: Readonly<Record<string, string>> = {
  contact: 'contacts',
  company: 'companies',
  deal: 'deals',
  ticket: 'tickets',
  product: 'products',
  line_item: 'line_items',
  '0-1': 'contacts',
  '0-2': 'companies',
  '0-3': 'deals',
  '0-5': 'tickets',
  '0-7': 'products',
  '0-8': 'line_items',
};

/**
 * What the events of a body are about, each record once, deletions winning. Only keys are taken: the record itself is
 * to be read again, since events come late, twice and out of order. Throws an Error for a body of another form.
 */
export function changesOf(body: string): readonly WebhookChange[] {
  const parsed = eventsSchema.safeParse(jsonOf(body));
  if (!parsed.success) throw new Error('the body is not a list of events');
  const changes = new Map<string, WebhookChange>();
  const note = (object: string, key: string, deleted: boolean): void => {
    const id = `${object}/${key}`;
    changes.set(id, { object, key, deleted: deleted || changes.get(id)?.deleted === true });
  };
  for (const event of parsed.data) {
    const { subscriptionType, objectId, objectTypeId, mergedObjectIds = [] } = event;
    const [subject = '', verb = ''] = subscriptionType.split('.');
    if (verb === 'associationChange') {
      for (const { object, key } of pairsOf(event)) changes.set(`${object}/${key}`, { object, key });
      continue;
    }
    const name = subject === 'object' ? (objectTypeId ?? '') : subject;
    const object = objectsByName[name] ?? name;
    if (object === '' || objectId === undefined) continue;
    note(object, objectId, verb === 'deletion' || verb === 'privacyDeletion');
    for (const key of mergedObjectIds) if (key !== objectId) note(object, key, true);
  }
  return [...changes.values()];
}

/**
 * The rows of both directions that a change of an association is about: CONTACT_TO_COMPANY and its two ids. Whether they
 * are there now is not told: another label may hold the records together.
 */
function pairsOf(event: z.output<typeof eventsSchema>[number]): readonly WebhookChange[] {
  const { associationType = '', fromObjectId, toObjectId } = event;
  const [from, to] = associationType
    .toLowerCase()
    .split('_to_')
    .map((name) => objectsByName[name] ?? '');
  if (!from || !to || fromObjectId === undefined || toObjectId === undefined) return [];
  return [
    { object: `${from}/${to}`, key: `${fromObjectId}-${toObjectId}` },
    { object: `${to}/${from}`, key: `${toObjectId}-${fromObjectId}` },
  ];
}
