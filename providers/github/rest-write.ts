/**
 * What GraphQL has no mutation for goes through the REST API, one request a row in their order: milestones, and the
 * deletion of repositories. It stops at the first row that is refused or lost; what came before stays done.
 * Sources: GitHub Docs, REST API, "Milestones" and "Delete a repository".
 */
import type { Octokit } from '@octokit/rest';
import { type Fault, FaultError, fault } from '../../src/errors/index.js';
import type { Batch, BatchRow, JsonValue, Outcome, Rec, Resource } from '../../src/provider/index.js';
import { type ClientCall, type GitHubClient, RequestRefused } from './client.js';
import { refusalFault, restReasons } from './errors.js';
import { assignedFields, toRec } from './mapping.js';
import { milestoneNode } from './nodes.js';
import type { Home } from './refs.js';

/** A milestone's fields by the REST API's names. Texts are cleared by '', a due date by null. */
function milestoneFields(resource: Resource, row: BatchRow): Record<string, JsonValue> {
  const names: Readonly<Record<string, string>> = {
    title: 'title',
    description: 'description',
    state: 'state',
    dueOn: 'due_on',
  };
  const fields: Record<string, JsonValue> = {};
  for (const [field, value] of assignedFields(resource, row.values)) {
    const name = names[field];
    if (name === undefined) continue;
    if (name === 'due_on') fields[name] = typeof value === 'string' ? new Date(value).toISOString() : null;
    else if (value !== null || name !== 'state') fields[name] = value ?? '';
  }
  return fields;
}

type Send = (octokit: Octokit) => Promise<unknown>;

/** The request of one row; what it resolves to is the answer's body. */
function requestOf(batch: Batch, row: BatchRow, home: Home): Send {
  const [owner = '', repo = ''] = home.repository.split('/');
  const target = { owner, repo };
  const { number: milestone_number } = home;
  if (batch.resource.object === 'Repository') {
    return (octokit) => octokit.rest.repos.delete(target);
  }
  const fields = milestoneFields(batch.resource, row);
  const path = '/repos/{owner}/{repo}/milestones';
  switch (batch.verb) {
    case 'insert':
      return async (octokit) => (await octokit.request(`POST ${path}`, { title: '', ...fields, ...target })).data;
    case 'update':
      return async (octokit) =>
        (await octokit.request(`PATCH ${path}/{milestone_number}`, { ...fields, ...target, milestone_number })).data;
    case 'delete':
      return (octokit) => octokit.rest.issues.deleteMilestone({ ...target, milestone_number });
    case 'upsert':
      throw new Error('github has no upserts');
  }
}

function recordOf(batch: Batch, row: BatchRow, body: unknown): Rec {
  const { resource } = batch;
  const key = row.key ?? '';
  if (batch.verb === 'delete') return { key, values: { [resource.key]: key } };
  const record = toRec(resource, milestoneNode(body));
  // The key is the one by which the record is known here, in whichever form the REST API writes it.
  return row.key === null ? record : { key, values: { ...record.values, [resource.key]: key } };
}

function faultOf(client: GitHubClient, batch: Batch, row: BatchRow, error: unknown): Outcome {
  const { kit } = client;
  if (error instanceof RequestRefused) {
    const reasons = restReasons(error.status, error.body);
    const { resource, verb } = batch;
    return { kind: 'rejected', fault: refusalFault(reasons, { resource, verb, row }, kit) };
  }
  if (error instanceof FaultError && error.fault.code !== 'outcome_unknown') {
    return { kind: 'rejected', fault: error.fault };
  }
  // Whatever else went wrong after sending leaves open what became of this row.
  const context = error instanceof FaultError ? error.fault.context : kit.describe(error);
  const params = { provider: kit.provider };
  return {
    kind: 'unknown',
    fault: fault('outcome_unknown', { params, ...(context === undefined ? {} : { context }) }),
  };
}

function notSent(client: GitHubClient, culprit: Fault): Outcome {
  const detail = `Not sent, because ${client.kit.provider} did not apply a row before it.`;
  return { kind: 'rejected', fault: { ...culprit, detail }, sibling: true };
}

/** Sends the rows one by one. An outcome a row; `homes` says where each record is. */
export async function writeByRest(
  client: GitHubClient,
  batch: Batch,
  homes: readonly (Home | undefined)[],
  call: Omit<ClientCall, 'verb'>,
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  let stopped: Fault | undefined;
  for (const [index, row] of batch.rows.entries()) {
    if (stopped !== undefined) {
      outcomes.push(notSent(client, stopped));
      continue;
    }
    const send = requestOf(batch, row, homes[index] ?? { repository: '', number: 0 });
    try {
      const { value } = await client.rest({ ...call, verb: 'write' }, send);
      outcomes.push({ kind: 'applied', record: recordOf(batch, row, value) });
    } catch (error) {
      const outcome = faultOf(client, batch, row, error);
      outcomes.push(outcome);
      if (outcome.kind !== 'applied') stopped = outcome.fault;
    }
  }
  return outcomes;
}
