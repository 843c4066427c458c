/** The configuration of an Airtable connection. */
import { z } from 'zod';

const text = z.string().trim().min(1).max(16_384);

/** Plain HTTP is taken for this machine only. */
const url = text.superRefine((value, context) => {
  const parsed = URL.canParse(value) ? new URL(value) : undefined;
  const local = parsed !== undefined && ['localhost', '127.0.0.1', '[::1]'].includes(parsed.hostname);
  if (parsed === undefined || (parsed.protocol !== 'https:' && !(local && parsed.protocol === 'http:'))) {
    context.addIssue({ code: 'custom', message: 'must be an https:// address' });
  }
});

const origin = url.transform((value) => new URL(value).origin);

const personalToken = text.superRefine((value, context) => {
  if (!value.startsWith('key')) return;
  const message = 'is an API key, which Airtable no longer takes; create a personal access token (pat…) instead';
  context.addIssue({ code: 'custom', message });
});

const auth = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('personal_access_token'), token: personalToken }),
  z.strictObject({
    kind: z.literal('oauth'),
    client_id: text,
    client_secret: text.optional(),
    refresh_token: text,
    token_url: url.default('https://airtable.com/oauth2/v1/token'),
  }),
]);

/** SQL words before a table's name; may be empty. */
const prefix = z.string().trim().max(40);

const baseChoice = z.union([
  text.transform((base) => ({ base, prefix: undefined })),
  z.strictObject({ base: text, prefix: prefix.optional() }).transform((given) => ({ prefix: undefined, ...given })),
]);

const schema = z.strictObject({
  auth,
  endpoint_url: origin.default('https://api.airtable.com'),
  /** Every base of the token, or these, by id or name. */
  bases: z.union([z.literal('all'), z.array(baseChoice).min(1).max(1000)]).default('all'),
  /** Of this process to one base. Airtable takes 5, whoever sends them. */
  requests_per_second: z.number().int().min(1).max(50).default(5),
});

export type AirtableConfig = z.output<typeof schema>;
export type Auth = AirtableConfig['auth'];
export type BaseChoice = Exclude<AirtableConfig['bases'], 'all'>[number];

const kinds = 'personal_access_token or oauth';

/** What is wrong, by the key that it is about, with the fix. Never a value: it may be a secret. */
function issueText(issue: z.core.$ZodIssue): string {
  const key = issue.path.join('.') || 'the connection';
  if (issue.code === 'invalid_union') {
    if (issue.path[0] === 'bases')
      return `${key} must be all, or a list of base ids or names such as [app0123456789abcd]`;
    return `auth.kind must be ${kinds}`;
  }
  if (issue.code === 'unrecognized_keys') {
    return `${issue.keys.map((name) => [...issue.path, name].join('.')).join(', ')} is not a known key; remove it`;
  }
  if (issue.code === 'invalid_type' && issue.input === undefined) return `${key} is missing; add it`;
  if (key === 'requests_per_second') return `${key} must be a whole number from 1 to 50`;
  if (issue.code === 'too_small') return `${key} is empty; give it a value`;
  return `${key} ${issue.message}`;
}

/** Validates the keys of a connection. Throws an Error that names each wrong key and its fix. */
export function parseConfig(input: unknown): AirtableConfig {
  if (typeof input === 'object' && input !== null && Reflect.get(input, 'auth') === undefined) {
    throw new Error(`airtable: auth is missing; add it with a kind: ${kinds}`);
  }
  const parsed = schema.safeParse(input, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw new Error(`airtable: ${parsed.error.issues.map(issueText).join('; ')}`);
}
