/** A session with psql as the README shows it, and the same typed again. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

export interface Step {
  /** What is typed, without the prompts. */
  readonly typed: string;
  /** What psql shows, with record ids and trailing blanks made equal. */
  readonly shown: string;
}

const prompt = /^upwrite[=-][*!]?> /;
const separator = '-- end of a statement --';

/** Ids are the API's, and trailing blanks are not to be seen on a page. */
function comparable(output: string): string {
  return output
    .replace(/\b003\w{15}\b/g, '<id>')
    .replace(/[ \t]+$/gm, '')
    .trim();
}

/** The statements of a session and what follows each. */
export function typedSession(session: string): readonly Step[] {
  const steps: { typed: string[]; shown: string[] }[] = [];
  for (const line of session.split('\n')) {
    const begins = line.startsWith('upwrite=');
    if (begins) steps.push({ typed: [], shown: [] });
    const step = steps.at(-1);
    if (prompt.test(line)) step?.typed.push(line.replace(prompt, ''));
    else step?.shown.push(line);
  }
  return steps.map(({ typed, shown }) => ({ typed: typed.join('\n'), shown: comparable(shown.join('\n')) }));
}

/** What psql shows for each of the statements, typed in one session; its standard error in place. */
export async function outputOf(url: string, statements: readonly string[]): Promise<readonly string[]> {
  const script = statements.map((statement) => `${statement}\n\\echo ${separator}\n`).join('');
  const { stdout } = await promisify(execFile)(
    'bash',
    ['-c', 'psql -X -q "$0" 2>&1 <<<"$1"', url, `\\unset QUIET\n${script}`],
    { env: { ...process.env, PGAPPNAME: 'psql' } },
  );
  return stdout.split(`${separator}\n`).slice(0, statements.length).map(comparable);
}
