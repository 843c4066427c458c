import { describe, expect, it } from 'vitest';
import { changesOf, eventsOf, isAuthentic } from './webhook.js';

describe('isAuthentic', () => {
  // The example of GitHub's page "Validating webhook deliveries".
  const secret = "It's a Secret to Everybody";
  const body = Buffer.from('Hello, World!');
  const header = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17';

  it('accepts GitHub’s own example', () => expect(isAuthentic(body, header, secret)).toBe(true));

  it.each<[string, Uint8Array, string | undefined, string]>([
    ['another body', Buffer.from('Hello, World?'), header, secret],
    ['another secret', body, header, 'x'],
    ['no secret', body, header, ''],
    ['no header', body, undefined, secret],
    ['the SHA-1 form', body, 'sha1=0000000000000000000000000000000000000000', secret],
    ['a short digest', body, 'sha256=757107', secret],
    ['digits that are none', body, `sha256=${'z'.repeat(64)}`, secret],
  ])('refuses %s', (_, given, signature, key) => expect(isAuthentic(given, signature, key)).toBe(false));
});

describe('changesOf', () => {
  const issue = { node_id: 'I_1', number: 1 };
  it.each<[string, unknown, ReturnType<typeof changesOf>]>([
    ['issues', { action: 'edited', issue }, [{ object: 'Issue', key: 'I_1', deleted: false }]],
    [
      'issues',
      { action: 'edited', issue: { ...issue, updated_at: '2024-05-01T10:00:00Z' } },
      [{ object: 'Issue', key: 'I_1', deleted: false, version: '2024-05-01T10:00:00.000Z' }],
    ],
    ['issues', { action: 'deleted', issue }, [{ object: 'Issue', key: 'I_1', deleted: true }]],
    ['issues', { action: 'transferred', issue }, [{ object: 'Issue', key: 'I_1', deleted: true }]],
    ['label', { action: 'created', label: { node_id: 'LA_1' } }, [{ object: 'Label', key: 'LA_1', deleted: false }]],
    [
      'repository',
      { action: 'transferred', repository: { node_id: 'R_1' } },
      [{ object: 'Repository', key: 'R_1', deleted: false }],
    ],
    [
      'issue_comment',
      { action: 'deleted', comment: { node_id: 'IC_1' }, issue: { ...issue, pull_request: { url: 'x' } } },
      [
        { object: 'IssueComment', key: 'IC_1', deleted: true },
        { object: 'PullRequest', key: 'I_1', deleted: false },
      ],
    ],
    ['push', { action: 'created', issue }, []],
    ['toString', { action: 'created', issue }, []],
    ['issues', { action: 'edited' }, []],
    ['issues', null, []],
  ])('%s %o', (event, payload, changes) => expect(changesOf(event, payload)).toEqual(changes));
});

describe('eventsOf', () => {
  it.each<[readonly string[], readonly string[]]>([
    [['Issue'], ['issue_comment', 'issues']],
    [
      ['Label', 'Milestone'],
      ['label', 'milestone'],
    ],
    [
      ['PullRequest', 'IssueComment'],
      ['issue_comment', 'pull_request'],
    ],
    [[], []],
  ])('%j', (objects, events) => expect(eventsOf(objects)).toEqual(events));
});
