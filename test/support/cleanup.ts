/** Work to do when a test file has ended, however its tests went. */

type Task = () => Promise<void>;

const tasks = new Set<Task>();

/** Runs `task` at the end of the test file. The same function is run once. */
export function atEndOfFile(task: Task): void {
  tasks.add(task);
}

export async function runCleanup(): Promise<void> {
  const results = await Promise.allSettled([...tasks].map((task) => task()));
  tasks.clear();
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
