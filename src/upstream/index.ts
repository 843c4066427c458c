export { cancelPacket, forwardCancel } from './cancel.js';
export { connectDatabase } from './connect.js';
export * from './lent-session.js';
export { DatabaseLink, type Receiver } from './link.js';
export { type DatabaseTarget, type DatabaseTls, type SslMode, socketPath } from './target.js';
