/** Whoever vanishes, at whatever moment: the session in the database and the proxy's sockets are freed. */
import { freeingTests } from './freeing.js';

freeingTests('auto');
