/** Many sessions at once, and readers and databases that stall: what the proxy's memory does meanwhile. */
import { loadTests } from './load.js';

loadTests('auto');
