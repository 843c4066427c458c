/** The same as freeing.test.ts, of connections that are read past Node from the first byte on. */
import { freeingTests } from './freeing.js';

freeingTests('always');
