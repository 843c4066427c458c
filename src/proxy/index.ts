export { type Proxy, startProxy } from './listener.js';
export type { ClientTlsMode, ProxyLog, ProxyOptions } from './options.js';
export type { MutationPort, MutationResult } from './port.js';
