/** The same as loss.test.ts, of connections that are read past Node from the first byte on. */
import { lossTests } from './loss.js';

lossTests('always');
