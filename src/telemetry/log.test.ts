import { expect, test } from 'vitest';
import { createLog, redact, redactText } from './index.js';
import { prettyLine } from './pretty.js';

function logged(use: (log: ReturnType<typeof createLog>) => void, format: 'json' | 'pretty' = 'json'): string {
  const lines: string[] = [];
  use(createLog({ level: 'debug', format, sink: { write: (line) => lines.push(line) }, colour: false }));
  return lines.join('');
}

test('secrets are taken out by name, at any depth', () => {
  const line = logged((log) =>
    log.info(
      {
        connection: 'salesforce',
        auth: { user: 's3cret' },
        config: [
          {
            deep: {
              client_secret: 's3cret',
              'Access-Token': 's3cret',
              Password: 's3cret',
              KEY: 's3cret',
              refreshToken: 's3cret',
            },
          },
        ],
        headers: { authorization: 's3cret', 'set-cookie': ['s3cret'] },
        absent: { password: null },
        idempotencyKey: 'kept',
      },
      'opened',
    ),
  );
  expect(line).not.toContain('s3cret');
  expect(JSON.parse(line)).toMatchObject({
    level: 30,
    msg: 'opened',
    connection: 'salesforce',
    auth: '[redacted]',
    absent: { password: null },
    idempotencyKey: 'kept',
  });
});

test.each([
  ['connect to postgres://upwrite:s3cret@db:5432/shop', 'connect to postgres://upwrite:[redacted]@db:5432/shop'],
  ['https://a:s3@cret@host/path?x=1', 'https://a:[redacted]@host/path?x=1'],
  ['Authorization: Bearer s3cret.s3cret', 'Authorization: Bearer [redacted]'],
  ["host=db user=u password='s3cret x' dbname=d", 'host=db user=u password=[redacted] dbname=d'],
  [
    'POST /token?grant_type=refresh_token&refresh_token=s3cret&x=1',
    'POST /token?grant_type=refresh_token&refresh_token=[redacted]&x=1',
  ],
  ['{"access_token":"s3cret\\"s3cret","id":1}', '{"access_token":"[redacted]","id":1}'],
  ['-----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY----- end', '[redacted] end'],
  ['update salesforce.contacts at 12:30 by a@b.c', 'update salesforce.contacts at 12:30 by a@b.c'],
])('%s', (text, expected) => {
  expect(redactText(text)).toBe(expected);
});

test('errors, child fields and the message itself are covered', () => {
  const error = Object.assign(new Error('postgres://u:s3cret@h failed', { cause: new Error('password=s3cret') }), {
    token: 's3cret',
  });
  const line = logged((log) =>
    log.child({ password: 's3cret', session: 7 }).error({ err: error, other: error }, 'at postgres://u:s3cret@h/d'),
  );
  expect(line).not.toContain('s3cret');
  expect(JSON.parse(line)).toMatchObject({
    session: 7,
    err: { type: 'Error', message: 'postgres://u:[redacted]@h failed' },
  });
});

test('whatever is logged can be written', () => {
  const circle: Record<string, unknown> = {
    big: 10n,
    bytes: Buffer.from('s3cret'),
    when: new Date(0),
    never: new Date(Number.NaN),
  };
  circle['self'] = circle;
  circle['many'] = Array.from({ length: 500 }, (_, at) => at);
  circle['map'] = new Map([['a', 1]]);
  let deep: unknown = 'bottom';
  for (let level = 0; level < 20; level += 1) deep = { deep };
  const safe = redact({ circle, deep });
  expect(() => JSON.stringify(safe)).not.toThrow();
  expect(safe).toMatchObject({
    circle: {
      big: '10',
      bytes: '[6 bytes]',
      when: '1970-01-01T00:00:00.000Z',
      never: null,
      self: '[circular]',
      map: [['a', 1]],
    },
  });
  expect(JSON.stringify(safe)).toContain('… (500 items)');
  expect(JSON.stringify(safe)).toContain('[too deep]');
  expect(redactText('x'.repeat(100_000)).length).toBeLessThan(20_000);
});

test('levels below the chosen one are silent', () => {
  const lines: string[] = [];
  const log = createLog({ level: 'warn', format: 'json', sink: { write: (line) => lines.push(line) } });
  log.info({}, 'no');
  log.warn({}, 'yes');
  expect(lines).toHaveLength(1);
});

test('lines for a person', () => {
  const line = logged(
    (log) => log.warn({ table: 'salesforce.contacts', why: 'two words', rows: 3 }, 'paused'),
    'pretty',
  );
  expect(line).toMatch(/^\d\d:\d\d:\d\d warn {2}paused table=salesforce\.contacts why="two words" rows=3\n$/);
  expect(prettyLine(JSON.stringify({ level: 30, time: 0, msg: 'a\u001b[2Jb' }), false)).not.toContain('\u001b');
  expect(prettyLine(JSON.stringify({ level: 50, time: 0, msg: 'bad' }), true)).toContain('\u001b[31m');
  expect(prettyLine('not JSON', false)).toBe('not JSON');
});
