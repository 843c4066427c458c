/** The mutations of a statement: one request, and another for those that GitHub left out because it was too much for one. */
import { type Fault, FaultError } from '../../src/errors/index.js';
import { type ClientCall, type GitHubClient, type GraphAnswer, type GraphError, RequestRefused } from './client.js';
import { mutationDocument, type Step } from './documents.js';
import { type Reason, reasonOf } from './errors.js';
import type { ObjectName } from './tables.js';
import { isTooMuch } from './too-much.js';

/** A mutation of a row in the request. */
export interface Sent {
  readonly row: number;
  readonly alias: string;
  readonly step: Step;
}

/** What GitHub answered to all of them, and why some were not sent again. */
export interface AllAnswered extends GraphAnswer {
  /** By alias. Where its code is `outcome_unknown`, the mutation may have been run. */
  readonly faults: ReadonlyMap<string, Fault>;
}

/** Whether GitHub did not run a mutation, for no other reason than that the request had too many. */
function wasLeftOut(one: Sent, answer: GraphAnswer): boolean {
  if ((answer.data[one.alias] ?? null) !== null) return false;
  const errors = answer.errors.filter(({ path }) => path[0] === one.alias);
  return errors.length > 0 && errors.every((error) => error.path.length === 1 && isTooMuch(error));
}

/** The fault of a later request, of which nothing is known but what it threw. Throws on what is no refusal. */
function faultOf(error: unknown, refused: (errors: readonly GraphError[]) => Fault): Fault {
  if (error instanceof FaultError) return error.fault;
  if (error instanceof RequestRefused) return refused(error.errors);
  throw error;
}

/**
 * Sends the mutations in their order. Throws what the first request throws; afterwards something may have been applied, and
 * what the others throw is told by alias. `refused` makes the fault of a whole request that GitHub refused.
 */
export async function sendSteps(
  client: GitHubClient,
  steps: readonly Sent[],
  object: ObjectName,
  call: Omit<ClientCall, 'verb'>,
  refused: (reasons: readonly Reason[]) => Fault,
): Promise<AllAnswered> {
  const data: Record<string, unknown> = {};
  const errors: GraphError[] = [];
  const faults = new Map<string, Fault>();
  let open = steps;
  for (let size = steps.length; open.length > 0; ) {
    const part = open.slice(0, size);
    const { document, variables } = mutationDocument(part, object);
    let answer: GraphAnswer;
    try {
      ({ value: answer } = await client.graphql({ verb: 'write', ...call }, document, variables));
    } catch (error) {
      if (open === steps) throw error;
      const fault = faultOf(error, (given) => refused(given.map(reasonOf)));
      for (const { alias } of open) faults.set(alias, fault);
      break;
    }
    const left = new Set(part.filter((one) => wasLeftOut(one, answer)));
    const isStuck = left.size === part.length;
    if (isStuck && size > 1) {
      size = Math.ceil(size / 2);
      continue;
    }
    const done = isStuck ? new Set(part) : new Set(part.filter((one) => !left.has(one)));
    const aliases = new Set([...done].map(({ alias }) => alias));
    for (const alias of aliases) data[alias] = answer.data[alias];
    errors.push(...answer.errors.filter(({ path }) => aliases.has(String(path[0]))));
    open = open.filter((one) => !done.has(one));
  }
  return { data, errors, faults };
}
