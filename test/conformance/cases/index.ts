/** The cases of the conformance suite, as data: a name, and what must hold of any provider. */
import { failureCases } from './failures.js';
import { readCases } from './reads.js';
import type { Case } from './scene.js';
import { upsertCases } from './upserts.js';
import { writeCases } from './writes.js';

export type { Case, Scene } from './scene.js';

export const cases: readonly Case[] = [...readCases, ...writeCases, ...upsertCases, ...failureCases];
