/** What a failure with a hook means, in words that an operator may read. */
import { FaultError } from '../errors/index.js';

/** Only a fault's text may be shown: any other error's can hold anything. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof FaultError)) return 'registering failed; the log has more';
  const { message, context } = error.fault;
  return context ?? message;
}
