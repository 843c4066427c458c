/**
 * Webhooks: an event that Stripe posts, checked by the SDK against the endpoint's signing secret.
 * Source: docs page "Receive Stripe events in your webhook endpoint".
 */
import Stripe from 'stripe';
import { z } from 'zod';
import { tables } from './tables/index.js';

/** Seconds that a signature's time stamp may lie in the past (the SDK's own default). */
export const tolerance = 300;

/** A record that has changed, or is gone: it is to be read again. */
export interface WebhookChange {
  /** Stripe's own name of the object, as in `Resource.object`. */
  readonly object: string;
  readonly key: string;
}

const eventSchema = z.object({
  id: z.string(),
  type: z.string(),
  data: z.object({ object: z.record(z.string(), z.unknown()) }),
});

/**
 * The changes that a webhook tells of; none for events of other objects. `body` is the request's body as it came, `now`
 * epoch milliseconds. Throws an Error when the signature is wrong or older than five minutes.
 */
export function readWebhook(
  body: string | Uint8Array,
  signatureHeader: string,
  secret: string,
  now: number,
): readonly WebhookChange[] {
  const event = eventSchema.parse(
    Stripe.webhooks.constructEvent(body, signatureHeader, secret, tolerance, undefined, now),
  );
  const { object } = event.data;
  return tables.flatMap((table) => {
    if (!table.events.includes(event.type)) return [];
    const key = object['object'] === table.object ? object['id'] : object[table.object];
    return typeof key === 'string' ? [{ object: table.object, key }] : [];
  });
}
