export { type Proxy, startProxy } from './listener.js';
export type { ClientTlsMode, ProxyLog, ProxyOptions } from './options.js';
export type { FreshnessPort, MutationPort, MutationResult } from './port.js';
