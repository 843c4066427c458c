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
  /** Whether the event says that the record itself is gone. */
  readonly deleted: boolean;
}

export interface WebhookEvent {
  /** The event's own id: the same each time that it is sent. */
  readonly id: string;
  /** None for events of other objects. */
  readonly changes: readonly WebhookChange[];
}

const eventSchema = z.object({
  id: z.string(),
  type: z.string(),
  data: z.object({ object: z.record(z.string(), z.unknown()) }),
});

/**
 * What an event tells; null when it was not signed with the secret within the last five minutes. `body` is the request's
 * body as it came, `now` epoch milliseconds. Throws an Error for a signed body that is no event.
 */
export function readEvent(
  body: string | Uint8Array,
  signatureHeader: string,
  secret: string,
  now: number,
): WebhookEvent | null {
  const signed = authentic(body, signatureHeader, secret, now);
  if (signed === undefined) return null;
  const event = eventSchema.parse(signed);
  const { object } = event.data;
  const changes = tables.flatMap((table) => {
    if (!table.events.includes(event.type)) return [];
    const isItself = object['object'] === table.object;
    const key = isItself ? object['id'] : object[table.object];
    const deleted = isItself && event.type === `${table.object}.deleted`;
    return typeof key === 'string' ? [{ object: table.object, key, deleted }] : [];
  });
  return { id: event.id, changes };
}

/** The body as JSON, or undefined where the signature is not of it. */
function authentic(body: string | Uint8Array, signatureHeader: string, secret: string, now: number): unknown {
  try {
    return Stripe.webhooks.constructEvent(body, signatureHeader, secret, tolerance, undefined, now);
  } catch (error) {
    if (error instanceof Stripe.errors.StripeSignatureVerificationError) return undefined;
    throw error;
  }
}
