export { forgetStrangers } from './keeper.js';
export { type Loop, startLoop } from './loop.js';
export type { Ping } from './placing.js';
export type { DeliveryJobs } from './queue.js';
export { folder, hookUrl, type Incoming, maxBody, type Outcome, type Reply } from './receiver.js';
export type { Sealer } from './secrets.js';
export { createUpkeep, fetchedAtOnce, keptAtOnce, type Upkeep, upkeepConnections } from './upkeep.js';
export { startWebhooks, takingConnections, type WebhooksOptions, type WebhooksRunning } from './webhooks.js';
