export { type Admin, type AdminOptions, type AdminReply, type AdminRequest, type Route, startAdmin } from './server.js';
