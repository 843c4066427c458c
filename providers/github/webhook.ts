/**
 * Webhook deliveries: whether they are GitHub's, and which records they tell of. What a delivery says of a record is not
 * stored: the record is read again, so that the order in which deliveries come does not matter.
 * Sources: GitHub Docs, "Validating webhook deliveries", "Webhook events and payloads".
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { isNode, textOf } from './nodes.js';
import type { ObjectName } from './tables.js';

/** A record that changed, by the node id that is its key. */
export interface Change {
  readonly object: ObjectName;
  readonly key: string;
  readonly deleted: boolean;
  /** The record's own time of its last change, where the delivery has it. */
  readonly version?: string;
}

/**
 * Whether the `X-Hub-Signature-256` header is that of the body under the secret. The body's bytes count, as they came.
 * The SHA-1 header is not looked at.
 */
export function isAuthentic(body: Uint8Array, header: string | undefined, secret: string): boolean {
  const given = /^sha256=([0-9a-f]{64})$/i.exec(header ?? '')?.[1];
  if (given === undefined || secret === '') return false;
  const expected = createHmac('sha256', secret).update(body).digest();
  return timingSafeEqual(Buffer.from(given, 'hex'), expected);
}

/** The member of a payload that holds the record, by the event. */
const members: Readonly<Record<string, { readonly member: string; readonly object: ObjectName }>> = {
  issues: { member: 'issue', object: 'Issue' },
  issue_comment: { member: 'comment', object: 'IssueComment' },
  label: { member: 'label', object: 'Label' },
  milestone: { member: 'milestone', object: 'Milestone' },
  pull_request: { member: 'pull_request', object: 'PullRequest' },
  repository: { member: 'repository', object: 'Repository' },
};

/** The events that tell of changes of these objects, each once. A comment changes what it is on as well. */
export function eventsOf(objects: readonly string[]): readonly string[] {
  const wanted = new Set(objects);
  const isWanted = (event: string, object: ObjectName): boolean =>
    wanted.has(object) || (event === 'issue_comment' && (wanted.has('Issue') || wanted.has('PullRequest')));
  return Object.entries(members)
    .filter(([event, { object }]) => isWanted(event, object))
    .map(([event]) => event)
    .sort();
}

/** A repository's own time moves with more than the event tells of, and a deleted record has none any more. */
function versionOf(object: ObjectName, record: unknown, deleted: boolean): { readonly version?: string } {
  const at = object === 'Repository' || deleted ? null : textOf(record, 'updated_at');
  return at === null || Number.isNaN(Date.parse(at)) ? {} : { version: new Date(at).toISOString() };
}

/** A transferred issue lives on under another id. */
const removing = new Set(['deleted', 'transferred']);

/** The records that a delivery tells of; none for an event that is about no table. `event` is `X-GitHub-Event`. */
export function changesOf(event: string, payload: unknown): readonly Change[] {
  const known = Object.hasOwn(members, event) ? members[event] : undefined;
  if (known === undefined || !isNode(payload)) return [];
  const { member, object } = known;
  const key = textOf(payload[member], 'node_id');
  if (key === null) return [];
  // A repository that goes to another owner keeps its id.
  const deleted =
    removing.has(textOf(payload, 'action') ?? '') && !(event === 'repository' && payload['action'] !== 'deleted');
  const changes: Change[] = [{ object, key, deleted, ...versionOf(object, payload[member], deleted) }];
  // A comment also changes the count and the time of what it is on.
  const subject = event === 'issue_comment' ? payload['issue'] : undefined;
  const subjectKey = textOf(subject, 'node_id');
  if (isNode(subject) && subjectKey !== null) {
    changes.push({
      object: isNode(subject['pull_request']) ? 'PullRequest' : 'Issue',
      key: subjectKey,
      deleted: false,
    });
  }
  return changes;
}
