/** What `upwrite check` says of one thing that it looked at. */
import { FaultError } from '../errors/index.js';
import { redactText } from '../telemetry/index.js';

export interface Finding {
  readonly ok: boolean;
  /** What was looked at. */
  readonly item: string;
  /** How it is. */
  readonly state: string;
  /** What to do about it. */
  readonly fix?: string;
}

export const ok = (item: string, state: string): Finding => ({ ok: true, item, state });
export const bad = (item: string, state: string, fix: string): Finding => ({ ok: false, item, state, fix });

/** An error as a state: its words without secrets. */
export function words(error: unknown): string {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (error instanceof FaultError && error.fault.context !== undefined) {
    return redactText(`${error.message}: ${error.fault.context}`);
  }
  return redactText(error instanceof Error ? error.message || code : String(error));
}
