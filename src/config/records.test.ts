import { describe, expect, it } from 'vitest';
import { parseConfig } from './load.js';
import { ConfigError } from './problem.js';

const connections = { crm: { provider: 'hubspot', external_id: 'seven', metadata: { plan: ['gold', 1] } } };

function parse(records: unknown) {
  const options = { file: 'upwrite.yaml', environment: {}, providers: ['hubspot'] };
  return parseConfig(JSON.stringify({ connections, records }), options).config;
}

function problems(records: unknown): readonly string[] {
  try {
    parse(records);
  } catch (error) {
    if (error instanceof ConfigError)
      return error.problems.map(({ path, message, fix }) => `${path}: ${message} ${fix}`);
    throw error;
  }
  return [];
}

describe('records', () => {
  it('name a table and what feeds it', () => {
    const config = parse([
      { table: 'my_schema.my_table', provider: 'hubspot' },
      { table: 'a.b', connection: 'crm', database: 'postgres://u:p@elsewhere/analytics' },
    ]);
    expect(config.records).toEqual([
      { table: { schema: 'my_schema', name: 'my_table' }, provider: 'hubspot' },
      {
        table: { schema: 'a', name: 'b' },
        connection: 'crm',
        database: expect.objectContaining({ host: 'elsewhere', database: 'analytics' }),
      },
    ]);
  });

  it('show what a connection says of itself, and leave it out of what the provider gets', () => {
    const [crm] = parse([]).connections;
    expect(crm).toMatchObject({ externalId: 'seven', metadata: { plan: ['gold', 1] }, settings: {} });
  });

  it.each([
    [[{ table: 'my_table', provider: 'hubspot' }], /^records\[0\]\.table: must be schema\.table/],
    [[{ table: 'upwrite.x', provider: 'hubspot' }], /^records\[0\]\.table: must be schema\.table/],
    [[{ table: 'a.b' }], /^records\[0\]: must have either provider or connection/],
    [[{ table: 'a.b', provider: 'hubspot', connection: 'crm' }], /^records\[0\]: must have either/],
    [
      [{ table: 'a.b', connection: 'crn' }],
      /^records\[0\]\.connection: there is no such connection did you mean crm\?/,
    ],
    [
      [{ table: 'a.b', provider: 'hubspott' }],
      /^records\[0\]\.provider: there is no such provider did you mean hubspot\?/,
    ],
    [{ table: 'a.b' }, /^records: must be a list/],
  ])('refuse %j', (records, said) => {
    expect(problems(records).join('\n')).toMatch(said);
  });
});
