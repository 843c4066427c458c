/** What `upwrite plan` prints: SQL that could be run as it is, with everything else in comments. */
import type { InstallPlan, PlannedTable } from '../catalog/index.js';

/** Whether there is something to do, for Upwrite or for the operator. */
export function hasChanges(plan: InstallPlan): boolean {
  return (
    plan.schemas.some(({ statements }) => statements.length > 0) ||
    plan.tables.some(({ statements, blocked }) => statements.length > 0 || blocked.length > 0)
  );
}

function comment(text: string): string {
  return text
    .split('\n')
    .map((line) => `-- ${line}`)
    .join('\n');
}

const statement = (sql: string): string => `${sql};`;

function showTable(table: PlannedTable): readonly string[] {
  const { schema, name, connection, resource, statements, notes, blocked, oid, rereads } = table;
  const lines = [
    ...statements.map(statement),
    ...blocked.map(({ statement: sql, by }) => comment(`blocked by ${by.join(', ')}:\n  ${sql};`)),
    ...notes.map((note) => comment(`note: ${note}`)),
    ...(rereads ? [comment('afterwards all records are read again, for the values of the new columns')] : []),
  ];
  if (lines.length === 0) return [];
  const what = oid === null ? ', a new table' : '';
  return ['', comment(`${schema}.${name}: ${resource.object} of connection "${connection}"${what}`), ...lines];
}

/** Lines for standard output. */
export function showPlan(plan: InstallPlan): readonly string[] {
  const schemas = plan.schemas.flatMap(({ schema, statements }) =>
    statements.length === 0 ? [] : ['', comment(`schema ${schema}`), ...statements.map(statement)],
  );
  const rest = [
    ...plan.vanished.map(({ schema, name, object }) =>
      comment(`${schema}.${name}: the API no longer has "${object}"; the rows stay as they are`),
    ),
    ...plan.dropped.map(({ schema, name }) =>
      comment(`${schema}.${name}: is no longer in the configuration; its rows stay and are not synced`),
    ),
  ];
  const body = [...schemas, ...plan.tables.flatMap(showTable), ...(rest.length === 0 ? [] : ['', ...rest])];
  const count = [...plan.schemas, ...plan.tables].reduce((sum, { statements }) => sum + statements.length, 0);
  const end = count === 0 ? 'nothing to run' : `${count} statement${count === 1 ? '' : 's'}: "upwrite apply" runs them`;
  return [...body, '', comment(end)].slice(body.length === 0 ? 1 : body[0] === '' ? 1 : 0);
}
