/** The same as load.test.ts, of connections that are read past Node from the first byte on. */
import { loadTests } from './load.js';

loadTests('always');
