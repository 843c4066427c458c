export { adoptSocket } from './adopt.js';
export { cancelPacket, forwardCancel } from './cancel.js';
export { connectDatabase } from './connect.js';
export * from './lent-session.js';
export { type Receiver, SocketLink, useDirectIo } from './link.js';
export { type DatabaseTarget, type DatabaseTls, type SslMode, socketPath } from './target.js';
