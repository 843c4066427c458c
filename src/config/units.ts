/** Durations and sizes as people write them. */

const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const sizeUnits: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1_000,
  MB: 1_000_000,
  GB: 1_000_000_000,
  KiB: 1_024,
  MiB: 1_048_576,
  GiB: 1_073_741_824,
};

function parse(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,6})?) ?([A-Za-z]+)$/.exec(text.trim());
  const unit = match?.[2] === undefined ? undefined : units[match[2]];
  if (match?.[1] === undefined || unit === undefined) return undefined;
  const value = Math.round(Number(match[1]) * unit);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Milliseconds of a text such as `250ms`, `30s`, `1.5m`, `2h`, `30d`; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  return parse(text, durationUnits);
}

/** Bytes of a text such as `512B`, `16MiB`, `1GB`; undefined when it is none. */
export function parseSize(text: string): number | undefined {
  return parse(text, sizeUnits);
}
