/** The configuration of a connection: what stands in `connections.<name>`, besides the keys that Upwrite reads itself. */
import { z } from 'zod';

const text = z.string().trim().min(1).max(16_384);

/** Plain HTTP is taken for this machine only. */
const address = text
  .superRefine((value, context) => {
    const parsed = URL.canParse(value) ? new URL(value) : undefined;
    const local = parsed !== undefined && ['localhost', '127.0.0.1', '[::1]'].includes(parsed.hostname);
    if (parsed === undefined || (parsed.protocol !== 'https:' && !(local && parsed.protocol === 'http:'))) {
      context.addIssue({ code: 'custom', message: 'must be an https:// address' });
    }
  })
  .transform((value) => new URL(value).origin);

const schema = z.strictObject({
  auth: z.strictObject({ kind: z.literal('client').default('client'), client_id: text, client_secret: text }),
  base_url: address.default('https://api.example.com'),
  /** The API's own limit, so that an account with a larger one can say so. */
  requests_per_second: z.number().int().min(1).max(1000).default(20),
});

export type Config = z.output<typeof schema>;

/** What is wrong, by the key that it is about, with the fix. Never a value: it may be a secret. */
function issueText(issue: z.core.$ZodIssue): string {
  const key = issue.path.join('.') || 'the connection';
  if (issue.code === 'unrecognized_keys') {
    return `${issue.keys.map((name) => [...issue.path, name].join('.')).join(', ')} is not a known key; remove it`;
  }
  if (issue.code === 'invalid_type' && issue.input === undefined) return `${key} is missing; add it`;
  if (issue.code === 'too_small') return `${key} is empty; give it a value`;
  return `${key} ${issue.message}`;
}

/** Validates the keys of a connection. Throws an Error that names each wrong key and its fix. */
export function parseConfig(input: unknown): Config {
  const parsed = schema.safeParse(input, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw new Error(parsed.error.issues.map(issueText).join('; '));
}
