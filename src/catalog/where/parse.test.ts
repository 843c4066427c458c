import { expect, test } from 'vitest';
import type { Column, ColumnType, Resource } from '../../provider/index.js';
import { ConditionError, parseCondition } from './parse.js';

const types: Readonly<Record<string, ColumnType>> = {
  id: 'text',
  industry: 'text',
  active: 'boolean',
  employees: 'integer',
  views: 'bigint',
  revenue: 'numeric',
  score: 'double precision',
  since: 'date',
  opens: 'time',
  changed: 'timestamptz',
  tags: 'text[]',
  'Größe (cm)': 'numeric',
};

const accounts: Resource = {
  name: 'accounts',
  object: 'Account',
  key: 'id',
  columns: Object.entries(types).map(
    ([name, type]): Column => ({ name, field: name, type, nullable: true, insertable: true, updatable: true }),
  ),
  writes: {},
  pull: { incremental: true, deletions: 'listed' },
};

test.each([
  ["industry = 'Energy'", { kind: 'compare', column: 'industry', operator: '=', value: 'Energy' }],
  ["'Energy' <> industry", { kind: 'compare', column: 'industry', operator: '<>', value: 'Energy' }],
  ['5 < employees', { kind: 'compare', column: 'employees', operator: '>', value: 5 }],
  ['views = 9223372036854775807', { kind: 'compare', column: 'views', operator: '=', value: '9223372036854775807' }],
  ['revenue > - 0.10', { kind: 'compare', column: 'revenue', operator: '>', value: '-0.10' }],
  ['accounts.score <= 0.5', { kind: 'compare', column: 'score', operator: '<=', value: 0.5 }],
  ['"Größe (cm)" >= 180', { kind: 'compare', column: 'Größe (cm)', operator: '>=', value: '180' }],
  ["since > '2024-02-29'::date", { kind: 'compare', column: 'since', operator: '>', value: '2024-02-29' }],
  ["opens = '06:30'", { kind: 'compare', column: 'opens', operator: '=', value: '06:30:00' }],
  ["changed < '2024-01-01'", { kind: 'compare', column: 'changed', operator: '<', value: '2024-01-01T00:00:00Z' }],
  [
    "changed < '2024-01-01 12:00+02'",
    { kind: 'compare', column: 'changed', operator: '<', value: '2024-01-01T12:00:00+02:00' },
  ],
  ['active', { kind: 'compare', column: 'active', operator: '=', value: true }],
  ['active IS NOT TRUE', { kind: 'not', of: { kind: 'is', column: 'active', value: true } }],
  ["industry IN ('a')", { kind: 'in', column: 'industry', values: ['a'] }],
  ["industry NOT LIKE 'a%'", { kind: 'not', of: { kind: 'like', column: 'industry', pattern: 'a%', caseless: false } }],
  ['tags IS NULL', { kind: 'null', column: 'tags' }],
  [
    'active AND employees IS NULL AND since IS NOT NULL OR true',
    {
      kind: 'or',
      of: [
        {
          kind: 'and',
          of: [
            { kind: 'compare', column: 'active', operator: '=', value: true },
            { kind: 'null', column: 'employees' },
            { kind: 'not', of: { kind: 'null', column: 'since' } },
          ],
        },
        { kind: 'constant', value: true },
      ],
    },
  ],
])('%s', (text, tree) => {
  expect(parseCondition(text, accounts)).toEqual(tree);
});

test.each([
  ['industri = 1', 1, 'the table has no column "industri"'],
  ["industry = 'a' AND employes > 5", 20, 'the table has no column "employes"'],
  ['industry = 5', 12, 'column "industry" is text and compares with a text in quotes: \'Energy\''],
  ["employees = 'many'", 13, 'column "employees" is integer and compares with a whole number: 5'],
  ['employees = 2147483648', 13, 'column "employees" is integer and compares with a whole number: 5'],
  ['employees = 1.5', 13, 'column "employees" is integer and compares with a whole number: 5'],
  ["since = '2024-02-30'", 9, 'column "since" is date and compares with a date in quotes: \'2024-02-29\''],
  ["changed > 'yesterday'", 11, 'column "changed" is timestamptz and compares with a time stamp in quotes'],
  ["industry = 'a'::date", 12, 'casts to another type than that of column "industry", text'],
  ['industry = NULL', 12, 'compares with NULL, which is never true: write IS NULL or IS NOT NULL'],
  ["tags = '{a}'", 8, 'column "tags" is text[], and can only be tested with IS NULL'],
  ['employees', 1, 'column "employees" is not boolean'],
  ["employees LIKE '5%'", 1, 'column "employees" is integer, not text'],
  ["industry LIKE 'a\\'", 15, 'has a pattern that ends in a backslash'],
  ['changed > now()', 11, 'compares with something that is not a plain value'],
  ['employees = views', 13, 'compares with something that is not a plain value'],
  ["lower(industry) = 'a'", 1, 'compares something that is not a column'],
  ['employees + 1 = 2', 1, 'compares something that is not a column'],
  ["industry ~ 'a'", 1, 'holds the operator ~'],
  ['id IN (SELECT 1)', 8, 'compares with something that is not a plain value'],
  ["industry = 'a", 14, 'cannot be read: there is an error of syntax'],
  ["industry = 'a' AND", 19, 'cannot be read: there is an error of syntax'],
  ["industry = 'a'; DROP TABLE x", 1, 'cannot be read: there is an error of syntax'],
  ["industry = 'a' ORDER BY id", 1, 'is more than a condition: it goes on with orderBy'],
  ["other.industry = 'a'", 1, 'names another table: write the column alone'],
  ['', 1, 'cannot be read: there is an error of syntax'],
])('%s is refused', (text, position, message) => {
  let thrown: unknown;
  try {
    parseCondition(text, accounts);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(ConditionError);
  expect(thrown).toMatchObject({ position, message: expect.stringContaining(message) });
});

test('one that is very long or nested very deeply is refused', () => {
  expect(() => parseCondition(`active OR ${'x'.repeat(10_000)}`, accounts)).toThrow('is longer than 10000 characters');
  expect(() => parseCondition(`${'NOT ('.repeat(200)}active${')'.repeat(200)}`, accounts)).toThrow('nested too deeply');
});
