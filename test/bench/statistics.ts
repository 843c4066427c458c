/** The few statistics that the report needs. */

/** The middle of the values; the mean of the two middle ones of an even number. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? Number.NaN) + upper) / 2;
}

export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function summary(values: readonly number[]): Summary {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** Round by round, since what the machine does beside changes from one to the next. */
export function ratios(values: readonly number[], base: readonly number[]): number[] {
  return values.flatMap((value, at) => {
    const other = base[at];
    return other === undefined || other === 0 ? [] : [value / other];
  });
}
