/** The savepoint that an evaluation runs in, and the settings that hold inside it. */
import { deferGuard, type SyncedTable } from '../../catalog/index.js';
import { type Dialogue, statement } from './dialogue.js';

export interface LoanLimits {
  readonly table: SyncedTable;
  /** Milliseconds that the evaluation waits for row locks. */
  readonly lockTimeout: number;
}

/** Opens it; the guard waits for a commit that never comes, and locks are not waited for without end. */
export function openSavepoint({ table, lockTimeout }: LoanLimits): Buffer[] {
  return [
    ...statement('SAVEPOINT upwrite'),
    ...statement(deferGuard(table)),
    ...statement(`SET LOCAL lock_timeout = ${Math.max(1, Math.floor(lockTimeout))}`),
  ];
}

/** Reads the answers to `openSavepoint`. */
export async function savepointAnswers(dialogue: Dialogue): Promise<void> {
  for (let i = 0; i < 3; i++) await dialogue.statementAnswer();
}

/** Undoes whatever was done in it, and leaves it. */
export function closeSavepoint(): Buffer[] {
  return [...statement('ROLLBACK TO SAVEPOINT upwrite'), ...statement('RELEASE SAVEPOINT upwrite')];
}

/** Reads the answers to `closeSavepoint`. */
export async function closeAnswers(dialogue: Dialogue): Promise<void> {
  await dialogue.statementAnswer();
  await dialogue.statementAnswer();
}
