/** Log lines for a person at a terminal. */

const levelNames: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};

const colours: Readonly<Record<string, string>> = {
  debug: '\u001b[2m',
  warn: '\u001b[33m',
  error: '\u001b[31m',
  fatal: '\u001b[31m',
};

const plainFields = new Set(['level', 'time', 'msg']);

/** Control characters would let a logged text move the cursor or repaint the screen. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => (character === '\n' ? '\n' : JSON.stringify(character).slice(1, -1)));
}

function showValue(value: unknown): string {
  if (typeof value === 'string') return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
  if (typeof value === 'object' && value !== null && 'stack' in value && typeof value.stack === 'string')
    return `\n${value.stack}`;
  return JSON.stringify(value);
}

/** Turns one JSON line of the log into `12:34:56 info  message  key=value`. Anything else is returned as it is. */
export function prettyLine(line: string, colour: boolean): string {
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch {
    return line;
  }
  if (typeof record !== 'object' || record === null) return line;
  const fields = Object.fromEntries(Object.entries(record));
  const level = levelNames[Number(fields['level'])] ?? 'info';
  const time = new Date(Number(fields['time'])).toTimeString().slice(0, 8);
  const rest = Object.entries(fields)
    .filter(([name]) => !plainFields.has(name))
    .map(([name, value]) => ` ${name}=${showValue(value)}`)
    .join('');
  const text = printable(`${time} ${level.padEnd(5)} ${String(fields['msg'] ?? '')}${rest}`);
  const paint = colour ? colours[level] : undefined;
  return `${paint === undefined ? text : `${paint}${text}\u001b[0m`}\n`;
}
