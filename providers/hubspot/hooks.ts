/**
 * What a session does with webhooks. Nothing is registered: subscriptions belong to an app and not to an account, those of
 * private apps and of project-based apps are managed in HubSpot only, and those of legacy public apps need a developer
 * API key, which is no credential of a connection.
 * Source: Webhooks API guide; "Create and edit webhook subscriptions in private apps"; "Configure webhooks".
 */
import type { Delivery, HookRequest, Webhooks } from '../../src/provider/index.js';
import type { HubspotConfig } from './config.js';
import { changesOf, isSigned, signatureOf, tolerance } from './webhook.js';

function receive({ method, url, headers, body, now }: HookRequest, secret: string): Delivery | null {
  const request = { method, uri: url, headers, body: body.toString('utf8') };
  if (!isSigned(request, secret, now)) return null;
  return {
    id: signatureOf(request).toString('hex'),
    news: changesOf(request.body).map(({ object, key, deleted }) => ({
      kind: 'record',
      object,
      key,
      ...(deleted === undefined ? {} : { state: deleted ? ('gone' as const) : ('present' as const) }),
    })),
  };
}

export function webhooksOf(config: HubspotConfig): Webhooks {
  const { auth } = config;
  const secret = config.webhook_secret ?? (auth.kind === 'oauth' ? auth.client_secret : undefined);
  return {
    hasSecret: secret !== undefined,
    byHand:
      'in the settings of the HubSpot app set the target URL {url} and subscribe to the objects that are synced; a private app’s client secret goes into webhook_secret',
    window: 2 * tolerance,
    receive: (request) => (secret === undefined ? null : receive(request, secret)),
  };
}
