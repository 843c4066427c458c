export * from './backend.js';
export * from './framing.js';
export * from './frontend.js';
export * from './limits.js';
