export type * from './statement.js';
import type { Analysis, Mutation } from './statement.js';
export interface Analyser { cached(t: Buffer, e: string): Analysis | undefined; analyse(t: Buffer, e: string): Promise<Analysis>; close(): Promise<void> }
export const screen = (t: string): boolean => /\b(insert|update|delete|merge)\b/i.test(t);
export const evaluationText = (t: Buffer, _m: Mutation, _o: string): Buffer => t;
export const returningText = (t: Buffer, _m: Mutation, _f: string): Buffer => t;
export const quoteIdentifier = (s: string): string => `"${s}"`;
