/** Tells a URL of changes of a state: a job for each, tried again a bounded number of times. */

type Change = {
  readonly at: string;
  readonly from: string;
  readonly to: string;
  readonly reason: string | null;
};

/** What is posted, as JSON: of a synced table, or of a generic records table. Times are ISO 8601. */
export type HookMessage =
  | (Change & { readonly table: string; readonly connection: string; readonly provider: string })
  | (Change & { readonly records: string });

/** Milliseconds for an answer. */
const timeout = 10_000;

/** Posts it. Throws where no answer of the 200s came; the message names no URL, which may hold a secret. */
export async function postHook(url: string, message: unknown, signal: AbortSignal): Promise<void> {
  let status: number;
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': 'upwrite' },
      body: JSON.stringify(message),
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeout)]),
    });
    await answer.body?.cancel();
    status = answer.status;
  } catch {
    throw new Error('the health hook could not be reached');
  }
  if (status < 200 || status > 299) throw new Error(`the health hook answered ${status}`);
}
