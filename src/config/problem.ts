/** What is wrong with a configuration, all of it at once. */

export interface Problem {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** The key, such as `connections.salesforce.limits.insert`; empty for the file itself. */
  readonly path: string;
  /** What is wrong, without the value: it may be a secret. */
  readonly message: string;
  /** What to do about it. */
  readonly fix?: string;
}

function show({ file, line, column, path, message, fix }: Problem): string {
  const key = path === '' ? '' : `${path}: `;
  return `${file}:${line}:${column}: ${key}${message}${fix === undefined ? '' : ` (${fix})`}`;
}

/** The configuration cannot be used; the message has a line for each problem. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(show).join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** A distance of spelling: insertions, deletions, replacements and swaps of neighbours. */
function distance(from: string, to: string): number {
  const rows: number[][] = [Array.from({ length: to.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number) => rows[row]?.[column] ?? Number.POSITIVE_INFINITY;
  for (let row = 1; row <= from.length; row += 1) {
    const current: number[] = [row];
    rows.push(current);
    for (let column = 1; column <= to.length; column += 1) {
      const same = from[row - 1] === to[column - 1];
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current[column] = Math.min(
        at(row - 1, column) + 1,
        (current[column - 1] ?? 0) + 1,
        at(row - 1, column - 1) + (same ? 0 : 1),
        swapped ? at(row - 2, column - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
  }
  return at(from.length, to.length);
}

/** Words longer than this are compared no further: the cost grows with the square. */
const longestWord = 64;

/** The known word that `word` was probably meant to be. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length > longestWord) return undefined;
  const allowed = Math.max(1, Math.floor(word.length / 3));
  const ranked = known
    .map((candidate) => ({ candidate, far: distance(word.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ far }) => far <= allowed)
    .sort((left, right) => left.far - right.far);
  return ranked[0]?.candidate;
}
