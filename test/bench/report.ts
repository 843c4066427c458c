/** The results as a Markdown table and as JSON. */
import { ratios, summary } from './statistics.js';

/** One measurement of all targets: a value for each round. */
export interface Series {
  readonly name: string;
  readonly unit: string;
  /** Rates are compared with the database itself; amounts of memory stand for themselves. */
  readonly kind: 'rate' | 'memory';
  /** Target's name to its values, in the order of the rounds. */
  readonly values: Readonly<Record<string, readonly number[]>>;
}

export interface Report {
  readonly machine: Readonly<Record<string, string | number>>;
  readonly options: Readonly<Record<string, unknown>>;
  readonly targets: Readonly<Record<string, string>>;
  readonly series: readonly Series[];
}

const base = 'direct';
const peer = 'pgbouncer';

/** Digits for a number of about this size. */
function figure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 100) return String(Math.round(value));
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

function spread(values: readonly number[]): string {
  if (values.length === 0) return '–';
  const { median, min, max } = summary(values);
  return values.length === 1 ? figure(median) : `${figure(median)} (${figure(min)}–${figure(max)})`;
}

/** One cell of the table: a share of direct for rates, the amount itself for memory. */
function cell(series: Series, target: string): string {
  const values = series.values[target];
  if (values === undefined || values.length === 0) return '–';
  if (series.kind === 'memory') return spread(values);
  if (target === base) return `${figure(summary(values).median)} ${series.unit}`;
  return spread(ratios(values, series.values[base] ?? []));
}

function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(heading), line(heading.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Markdown: shares of direct, then Upwrite's shares of pgbouncer, then memory; median and spread of the rounds. */
export function markdown(report: Report): string {
  const names = Object.keys(report.targets);
  const rates = report.series.filter(({ kind }) => kind === 'rate');
  const memory = report.series.filter(({ kind }) => kind === 'memory');
  const middle = names.filter((name) => name !== base);
  const sections = [
    `${Object.entries(report.machine)
      .map(([key, value]) => `${key} ${value}`)
      .join(
        ', ',
      )}. Median (lowest–highest) of the rounds; clients talk ${report.options['tls'] === true ? 'TLS' : 'no TLS'}.`,
    Object.entries(report.targets)
      .map(([name, about]) => `- \`${name}\`: ${about}`)
      .join('\n'),
  ];
  if (rates.length > 0) {
    sections.push(
      `Share of the direct rate:`,
      table(
        ['', ...names],
        rates.map((one) => [one.name, ...names.map((name) => cell(one, name))]),
      ),
    );
  }
  const shares = sharesOfPeer(rates, names);
  if (shares !== null) sections.push(`Share of pgbouncer's rate:`, shares);
  if (memory.length > 0) {
    const rows = memory.map((one) => [`${one.name}, ${one.unit}`, ...middle.map((name) => cell(one, name))]);
    sections.push('Memory:', table(['', ...middle], rows));
  }
  return `${sections.join('\n\n')}\n`;
}

/** Upwrite and the pipe against pgbouncer, each over the same way to the database. */
function sharesOfPeer(rates: readonly Series[], names: readonly string[]): string | null {
  const against = (name: string): string => (name.endsWith('-socket') ? `${peer}-socket` : peer);
  const compared = names.filter((name) => name !== base && !name.startsWith(peer) && names.includes(against(name)));
  if (compared.length === 0 || rates.length === 0) return null;
  const rows = rates.map((one) => [
    one.name,
    ...compared.map((name) => spread(ratios(one.values[name] ?? [], one.values[against(name)] ?? []))),
  ]);
  return table(['', ...compared], rows);
}
