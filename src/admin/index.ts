export { type HealthOptions, healthRoutes } from './health.js';
export { type HookMessage, postHook } from './hook.js';
export { type Admin, type AdminOptions, type AdminReply, type AdminRequest, type Route, startAdmin } from './server.js';
