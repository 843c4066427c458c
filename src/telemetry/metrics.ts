/**
 * Counters, gauges and histograms in Prometheus's text format.
 * Source: prometheus.io/docs/instrumenting/exposition_formats, version 0.0.4.
 */

export type Labels = Readonly<Record<string, string>>;

export interface Counter {
  /** Adds `by`, which is not negative; 1 unless given. */
  inc(labels?: Labels, by?: number): void;
}

export interface Gauge {
  set(value: number, labels?: Labels): void;
  /** Adds `by`, which may be negative. */
  add(by: number, labels?: Labels): void;
}

export interface Histogram {
  observe(value: number, labels?: Labels): void;
}

export interface MetricOptions {
  /** `upwrite_…`, with the unit at the end; a counter's ends in `_total`. */
  readonly name: string;
  readonly help: string;
  /** Names of the labels; every observation gives exactly these. */
  readonly labels?: readonly string[];
  /** Series after which the rest is counted under `other`; default 1,000. */
  readonly mostSeries?: number;
}

export interface HistogramOptions extends MetricOptions {
  /** Upper bounds in rising order; the last, infinite one is added. */
  readonly buckets: readonly number[];
}

/** Bounds for times from a millisecond to a minute, in seconds. */
export const secondsBuckets: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];

/** Label values may come from outside: past this many series of one metric, the rest is counted under `other`. */
const mostSeries = 1000;

interface Series {
  readonly labels: string;
  value: number;
  readonly counts: number[];
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}

class Family {
  readonly options: MetricOptions;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly buckets: readonly number[];
  readonly #series = new Map<string, Series>();
  readonly #names: readonly string[];

  constructor(type: Family['type'], options: MetricOptions, buckets: readonly number[] = []) {
    this.type = type;
    this.options = options;
    this.buckets = buckets;
    this.#names = options.labels ?? [];
    if (this.#names.length === 0) this.series({});
  }

  series(labels: Labels): Series {
    const given = Object.keys(labels);
    if (given.length !== this.#names.length || !this.#names.every((name) => Object.hasOwn(labels, name))) {
      throw new Error(
        `metric ${this.options.name} has the labels ${this.#names.join(', ') || '(none)'}, not ${given.join(', ') || '(none)'}`,
      );
    }
    const key = this.#key((name) => labels[name] ?? '');
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    return this.#create(this.#series.size < (this.options.mostSeries ?? mostSeries) ? key : this.#key(() => 'other'));
  }

  #key(valueFor: (name: string) => string): string {
    return this.#names.map((name) => `${name}="${escapeLabel(valueFor(name))}"`).join(',');
  }

  #create(key: string): Series {
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    const series: Series = {
      labels: key,
      value: 0,
      counts: this.type === 'histogram' ? new Array(this.buckets.length + 1).fill(0) : [],
    };
    this.#series.set(key, series);
    return series;
  }

  *lines(): Generator<string> {
    const { name, help } = this.options;
    yield `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`;
    yield `# TYPE ${name} ${this.type}`;
    for (const series of this.#series.values()) {
      if (this.type === 'histogram') yield* this.#histogramLines(series);
      else yield `${name}${braced(series.labels)} ${series.value}`;
    }
  }

  *#histogramLines({ labels, value, counts }: Series): Generator<string> {
    const { name } = this.options;
    let total = 0;
    for (const [at, count] of counts.entries()) {
      total += count;
      const bound = this.buckets[at];
      yield `${name}_bucket${braced([labels, `le="${bound ?? '+Inf'}"`].filter((part) => part !== '').join(','))} ${total}`;
    }
    yield `${name}_sum${braced(labels)} ${value}`;
    yield `${name}_count${braced(labels)} ${total}`;
  }
}

function braced(labels: string): string {
  return labels === '' ? '' : `{${labels}}`;
}

const namePattern = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** The metrics of one process. */
export class Metrics {
  readonly #families = new Map<string, Family>();

  counter(options: MetricOptions): Counter {
    const family = this.#add(new Family('counter', options));
    return {
      inc: (labels = {}, by = 1) => {
        if (!(by >= 0)) throw new RangeError(`counter ${options.name} cannot go down`);
        family.series(labels).value += by;
      },
    };
  }

  gauge(options: MetricOptions): Gauge {
    const family = this.#add(new Family('gauge', options));
    return {
      set: (value, labels = {}) => {
        family.series(labels).value = value;
      },
      add: (by, labels = {}) => {
        family.series(labels).value += by;
      },
    };
  }

  histogram(options: HistogramOptions): Histogram {
    const { buckets } = options;
    if (buckets.some((bound, at) => at > 0 && bound <= (buckets[at - 1] ?? Number.POSITIVE_INFINITY))) {
      throw new Error(`the buckets of ${options.name} do not rise`);
    }
    const family = this.#add(new Family('histogram', options, buckets));
    return {
      observe: (value, labels = {}) => {
        const series = family.series(labels);
        const found = buckets.findIndex((bound) => value <= bound);
        const at = found < 0 ? buckets.length : found;
        series.counts[at] = (series.counts[at] ?? 0) + 1;
        series.value += value;
      },
    };
  }

  /** The exposition, for content type `text/plain; version=0.0.4; charset=utf-8`. */
  render(): string {
    return `${[...this.#families.values()].flatMap((family) => [...family.lines()]).join('\n')}\n`;
  }

  #add(family: Family): Family {
    const { name, labels = [] } = family.options;
    if (![name, ...labels].every((part) => namePattern.test(part)))
      throw new Error(`metric ${name} has a name that Prometheus does not take`);
    if (this.#families.has(name)) throw new Error(`metric ${name} exists already`);
    this.#families.set(name, family);
    return family;
  }
}
