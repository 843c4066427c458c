/** Runs before every test file: what the file starts ends with it, whether its tests passed or not. */
import { afterAll } from 'vitest';
import { runCleanup } from './cleanup.js';

afterAll(runCleanup);
