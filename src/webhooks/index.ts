export { folder, hookUrl, type Incoming, maxBody, type Outcome, type Reply } from './receiver.js';
export type { Sealer } from './secrets.js';
export {
  poolSize,
  startWebhooks,
  type WebhooksOptions,
  type WebhooksRunning,
  type WebhookTimings,
} from './webhooks.js';
