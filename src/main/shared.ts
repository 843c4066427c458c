/** What the processes on one database share. */
import { KeyRing } from '../provider/index.js';

/** The environment variable with the keys that secrets are encrypted under. */
export const keyVariable = 'UPWRITE_ENCRYPTION_KEY';

/** The key ring of the environment; undefined where there is none. Throws an Error that names the variable. */
export function encryptionKeys(text: string | undefined): KeyRing | undefined {
  if (text === undefined || text.trim() === '') return undefined;
  try {
    return KeyRing.parse(text);
  } catch (error) {
    throw new Error(`${keyVariable} ${error instanceof Error ? error.message : ''}`);
  }
}
