/**
 * A condition in SQL as a typed tree. What is allowed is what has the same meaning every time it is looked at and can be
 * said of one record: comparisons of a column with a value, IN, BETWEEN, LIKE, ILIKE, IS NULL, IS TRUE and IS FALSE, a
 * boolean column by itself, AND, OR, NOT. No functions, no sub-queries, no arithmetic.
 *
 * pgsql-ast-parser reads it. Its numbers are JavaScript's, so that literals are taken from the text instead.
 */
import { type Expr, parse, type Statement } from 'pgsql-ast-parser';
import type { Column, Comparison, Filter, JsonValue, Resource } from '../../provider/index.js';
import { columnValue, type Literal, mayCast, shapes } from './values.js';

/** A condition that cannot be used. */
export class ConditionError extends Error {
  /** Where in the condition, in characters from 1. */
  readonly position: number;

  constructor(message: string, position: number) {
    super(message);
    this.name = 'ConditionError';
    this.position = position;
  }
}

/** Longer ones are machine-made, and the parser takes long for them. */
const longest = 10_000;
const deepest = 100;

/** Throws a ConditionError. */
export function parseCondition(text: string, resource: Resource): Filter {
  if (text.length > longest) throw new ConditionError(`it is longer than ${longest} characters`, 1);
  return new Reader(text, resource).read(tree(text), 0);
}

/** The condition is read as the one of a query, which gives it its type; what follows it there is none of a condition. */
const prefix = 'SELECT 1 FROM t WHERE ';
const ofQuery: ReadonlySet<string> = new Set(['type', 'columns', 'from', 'where', '_location']);

function tree(text: string): Expr {
  let statements: readonly Statement[];
  try {
    statements = parse(prefix + text, { locationTracking: true });
  } catch (error) {
    throw new ConditionError(unreadable, syntaxPosition(error, text));
  }
  const [query] = statements;
  if (statements.length !== 1 || query?.type !== 'select' || query.where === undefined || query.where === null) {
    throw new ConditionError(unreadable, 1);
  }
  const more = Object.entries(query).find(
    ([name, value]) => !ofQuery.has(name) && value !== undefined && value !== null,
  );
  if (more !== undefined) throw new ConditionError(`it is more than a condition: it goes on with ${more[0]}`, 1);
  return query.where;
}

const unreadable = 'it cannot be read: there is an error of syntax';

/** The parser tells the place of the word that it did not expect. */
function syntaxPosition(error: unknown, text: string): number {
  const token: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'token') : undefined;
  const offset: unknown = typeof token === 'object' && token !== null ? Reflect.get(token, 'offset') : undefined;
  return (typeof offset === 'number' ? Math.max(0, Math.min(offset - prefix.length, text.length)) : text.length) + 1;
}

const comparisons: Readonly<Record<string, Comparison>> = {
  '=': '=',
  '!=': '<>',
  '<>': '<>',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
};

/** The same comparison with its sides changed. */
const mirrored: Readonly<Record<Comparison, Comparison>> = {
  '=': '=',
  '<>': '<>',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
};

const allowed =
  'it may hold comparisons of a column with a value, IN, BETWEEN, LIKE, ILIKE, IS NULL, IS TRUE, IS FALSE, AND, OR and NOT';

class Reader {
  readonly #text: string;
  readonly #resource: Resource;

  constructor(text: string, resource: Resource) {
    this.#text = text;
    this.#resource = resource;
  }

  read(expression: Expr, depth: number): Filter {
    if (depth > deepest) return this.#fail(expression, 'it is nested too deeply');
    switch (expression.type) {
      case 'binary':
        return this.#binary(expression, depth);
      case 'unary':
        return this.#unary(expression, depth);
      case 'ternary': {
        const column = this.#column(expression.value);
        const low = this.#compare(column, '>=', expression.lo);
        const high = this.#compare(column, '<=', expression.hi);
        const between: Filter = { kind: 'and', of: [low, high] };
        return expression.op === 'BETWEEN' ? between : { kind: 'not', of: between };
      }
      case 'ref': {
        const column = this.#column(expression);
        if (column.type !== 'boolean') return this.#fail(expression, `column "${column.name}" is not boolean`);
        return { kind: 'compare', column: column.name, operator: '=', value: true };
      }
      case 'boolean':
        return { kind: 'constant', value: expression.value };
      default:
        return this.#fail(expression, `it holds something that it cannot hold: ${allowed}`);
    }
  }

  #binary(expression: Extract<Expr, { type: 'binary' }>, depth: number): Filter {
    const { op, left, right } = expression;
    if (op === 'AND' || op === 'OR') {
      const kind = op === 'AND' ? 'and' : 'or';
      const parts = [this.read(left, depth + 1), this.read(right, depth + 1)];
      return { kind, of: parts.flatMap((part) => (part.kind === kind ? part.of : [part])) };
    }
    if (op === 'IN' || op === 'NOT IN') {
      const column = this.#column(left);
      const items = right.type === 'list' ? right.expressions : [right];
      const values = items.map((item) => this.#value(column, item));
      const found: Filter = { kind: 'in', column: column.name, values };
      return op === 'IN' ? found : { kind: 'not', of: found };
    }
    if (op === 'LIKE' || op === 'ILIKE' || op === 'NOT LIKE' || op === 'NOT ILIKE') {
      const column = this.#column(left);
      if (column.type !== 'text') return this.#fail(left, `column "${column.name}" is ${column.type}, not text`);
      const pattern = this.#value(column, right);
      if (typeof pattern !== 'string') return this.#fail(right, 'it needs a pattern in quotes here');
      if (/(?<!\\)(?:\\\\)*\\$/.test(pattern)) return this.#fail(right, 'it has a pattern that ends in a backslash');
      const found: Filter = { kind: 'like', column: column.name, pattern, caseless: op.endsWith('ILIKE') };
      return op.startsWith('NOT') ? { kind: 'not', of: found } : found;
    }
    const operator = comparisons[op];
    if (operator === undefined) return this.#fail(expression, `it holds the operator ${op}: ${allowed}`);
    if (left.type === 'ref') return this.#compare(this.#column(left), operator, right);
    if (right.type === 'ref') return this.#compare(this.#column(right), mirrored[operator], left);
    return this.#fail(expression, 'it compares something that is not a column');
  }

  #unary(expression: Extract<Expr, { type: 'unary' }>, depth: number): Filter {
    const { op, operand } = expression;
    if (op === 'NOT') return { kind: 'not', of: this.read(operand, depth + 1) };
    const test = /^IS (NOT )?(NULL|TRUE|FALSE)$/.exec(op);
    if (test === null) return this.#fail(expression, `it holds the operator ${op}: ${allowed}`);
    const column = this.#column(operand);
    if (test[2] !== 'NULL' && column.type !== 'boolean') {
      return this.#fail(operand, `column "${column.name}" is ${column.type}, not boolean`);
    }
    const found: Filter =
      test[2] === 'NULL'
        ? { kind: 'null', column: column.name }
        : { kind: 'is', column: column.name, value: test[2] === 'TRUE' };
    return test[1] === undefined ? found : { kind: 'not', of: found };
  }

  #column(expression: Expr): Column {
    if (expression.type !== 'ref') return this.#fail(expression, `it needs a column here: ${allowed}`);
    const { name, table } = expression;
    if (table !== undefined && table.name !== this.#resource.name) {
      return this.#fail(expression, 'it names another table: write the column alone');
    }
    const column = this.#resource.columns.find((each) => each.name === name);
    if (column !== undefined) return column;
    return this.#fail(expression, `the table has no column "${name}"`);
  }

  #compare(column: Column, operator: Comparison, value: Expr): Filter {
    return { kind: 'compare', column: column.name, operator, value: this.#value(column, value) };
  }

  #value(column: Column, expression: Expr): JsonValue {
    const shape = shapes[column.type];
    if (shape === undefined) {
      return this.#fail(expression, `column "${column.name}" is ${column.type}, and can only be tested with IS NULL`);
    }
    const value = columnValue(column.type, this.#literal(column, expression));
    if (value !== undefined) return value;
    return this.#fail(expression, `column "${column.name}" is ${column.type} and compares with ${shape}`);
  }

  #literal(column: Column, expression: Expr): Literal {
    switch (expression.type) {
      case 'string':
        return { kind: 'string', text: expression.value };
      case 'boolean':
        return { kind: 'boolean', text: String(expression.value) };
      case 'integer':
      case 'numeric': {
        const { start, end } = expression._location ?? { start: 0, end: 0 };
        const written = this.#text.slice(start - prefix.length, end - prefix.length).replace(/\s/g, '');
        return { kind: 'number', text: written === '' ? String(expression.value) : written };
      }
      case 'cast': {
        const { to } = expression;
        const name = 'name' in to ? to.name : '';
        const config = 'config' in to && to.config !== undefined;
        if (!mayCast(column.type, name) || config) {
          return this.#fail(
            expression,
            `it casts to another type than that of column "${column.name}", ${column.type}`,
          );
        }
        return this.#literal(column, expression.operand);
      }
      case 'unary': {
        const { op, operand } = expression;
        if (op !== '-' && op !== '+') break;
        const literal = this.#literal(column, operand);
        if (literal.kind !== 'number' || /^[+-]/.test(literal.text)) break;
        return { kind: 'number', text: `${op}${literal.text}` };
      }
      case 'null':
        return this.#fail(expression, 'it compares with NULL, which is never true: write IS NULL or IS NOT NULL');
    }
    return this.#fail(expression, 'it compares with something that is not a plain value');
  }

  #fail(expression: Expr, message: string): never {
    throw new ConditionError(message, Math.max(0, (expression._location?.start ?? 0) - prefix.length) + 1);
  }
}
