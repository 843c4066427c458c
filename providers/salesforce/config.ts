/** The configuration of a Salesforce connection. */
import { z } from 'zod';

/** Winter '25. Any version from 46.0 on works; Salesforce keeps a version for at least three years. */
export const defaultApiVersion = '62.0';

const text = z.string().trim().min(1).max(16_384);

const url = text.superRefine((value, context) => {
  const parsed = URL.canParse(value) ? new URL(value) : undefined;
  const local = parsed !== undefined && ['localhost', '127.0.0.1', '[::1]'].includes(parsed.hostname);
  if (parsed === undefined || (parsed.protocol !== 'https:' && !(local && parsed.protocol === 'http:'))) {
    context.addIssue({ code: 'custom', message: 'must be an https:// address such as https://acme.my.salesforce.com' });
  } else if (parsed.hostname.includes('.lightning.')) {
    const fix = parsed.hostname.replace(/\.lightning\.force\.com$/, '.my.salesforce.com');
    context.addIssue({ code: 'custom', message: `is a Lightning page, not an API host; use https://${fix}` });
  }
});

const host = url.transform((value) => new URL(value).origin);
const loginUrl = host.default('https://login.salesforce.com');

const auth = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('refresh_token'),
    client_id: text,
    client_secret: text.optional(),
    refresh_token: text,
    login_url: loginUrl,
    instance_url: host.optional(),
  }),
  z.strictObject({
    kind: z.literal('client_credentials'),
    client_id: text,
    client_secret: text,
    // This flow exists only on the organization's own host (My Domain).
    login_url: host,
    instance_url: host.optional(),
  }),
  z.strictObject({
    kind: z.literal('jwt_bearer'),
    client_id: text,
    username: text,
    private_key: text.refine((value) => value.includes('PRIVATE KEY'), 'must be the PEM text of an RSA private key'),
    login_url: loginUrl,
    audience: host.optional(),
    instance_url: host.optional(),
  }),
  z.strictObject({
    kind: z.literal('password'),
    client_id: text,
    client_secret: text,
    username: text,
    password: text,
    security_token: text.optional(),
    login_url: loginUrl,
    instance_url: host.optional(),
  }),
  z.strictObject({ kind: z.literal('access_token'), access_token: text, instance_url: host }),
]);

const apiVersion = z
  .union([z.string(), z.number()])
  .transform((value) => (typeof value === 'number' ? value.toFixed(1) : value.replace(/^v/, '')))
  .refine(
    (value) => /^\d{2,3}\.0$/.test(value) && Number(value) >= 46,
    "must be a version from '46.0' on, such as '62.0'",
  )
  .default(defaultApiVersion);

const objectName = z.string().regex(/^[A-Za-z]\w{0,79}$/, 'must be the API name of an object, such as Contact');

const schema = z.strictObject({
  auth,
  api_version: apiVersion,
  /** `default`: Contact, Account and custom objects; `all`: every queryable object; or API names. */
  objects: z.union([z.enum(['default', 'all']), z.array(objectName).min(1).max(2000)]).default('default'),
});

export type SalesforceConfig = z.output<typeof schema>;
export type Auth = SalesforceConfig['auth'];

const kinds = 'refresh_token, client_credentials, jwt_bearer, password or access_token';

/** What is wrong, by the key that it is about, with the fix. Never a value: it may be a secret. */
function issueText(issue: z.core.$ZodIssue): string {
  const key = issue.path.join('.') || 'the connection';
  if (issue.code === 'invalid_union' && issue.path.at(-1) !== 'objects') {
    return issue.path.at(-1) === 'kind' || issue.path.at(-1) === 'auth'
      ? `auth.kind must be ${kinds}`
      : `${key} has a wrong value`;
  }
  if (issue.code === 'invalid_union')
    return `${key} must be default, all, or a list of API names such as [Contact, Lead]`;
  if (issue.code === 'unrecognized_keys') {
    return `${issue.keys.map((name) => [...issue.path, name].join('.')).join(', ')} is not a known key; remove it`;
  }
  if (issue.code === 'invalid_type' && issue.input === undefined) return `${key} is missing; add it`;
  if (issue.code === 'too_small') return `${key} is empty; give it a value`;
  return `${key} ${issue.message}`;
}

/** Validates the keys of a connection. Throws an Error that names each wrong key and its fix. */
export function parseConfig(input: unknown): SalesforceConfig {
  if (typeof input === 'object' && input !== null && Reflect.get(input, 'auth') === undefined) {
    throw new Error(`salesforce: auth is missing; add it with a kind: ${kinds}`);
  }
  const parsed = schema.safeParse(input, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw new Error(`salesforce: ${parsed.error.issues.map(issueText).join('; ')}`);
}
