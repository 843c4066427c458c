export { cancelPacket, forwardCancel } from './cancel.js';
export { connectDatabase } from './connect.js';
export * from './lent-session.js';
export { type DatabaseTarget, type DatabaseTls, type SslMode, socketPath } from './target.js';
