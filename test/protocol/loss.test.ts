/** A database that is killed under its sessions, and comes back. */
import { lossTests } from './loss.js';

lossTests('auto');
