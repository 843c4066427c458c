/** The configuration of a GitHub connection. */
import { z } from 'zod';

const text = z.string().trim().min(1).max(16_384);

/** Hosts on which plain http is allowed: this machine. */
const local = ['localhost', '127.0.0.1', '[::1]'];

const url = text
  .superRefine((value, context) => {
    const parsed = URL.canParse(value) ? new URL(value) : undefined;
    const isLocal = parsed !== undefined && parsed.protocol === 'http:' && local.includes(parsed.hostname);
    if (parsed === undefined || (parsed.protocol !== 'https:' && !isLocal)) {
      context.addIssue({ code: 'custom', message: 'must be an https:// address such as https://api.github.com' });
    } else if (parsed.hostname === 'github.com') {
      context.addIssue({ code: 'custom', message: 'is the web site, not the API; use https://api.github.com' });
    }
  })
  .transform((value) => value.replace(/\/+$/, ''));

const loginUrl = text
  .refine((value) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol), 'must be an https:// address')
  .refine(
    (value) => !URL.canParse(value) || new URL(value).protocol === 'https:' || local.includes(new URL(value).hostname),
    'must be an https:// address such as https://github.com',
  )
  .transform((value) => new URL(value).origin);

const id = z.union([z.string(), z.number().int().positive()]).transform(String);

const privateKey = text
  .refine((value) => value.includes('PRIVATE KEY'), 'must be the PEM text of an RSA private key')
  // A PEM that came through an environment variable often has its line ends written out.
  .transform((value) => value.replaceAll('\\n', '\n'));

const auth = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('token'), token: text }),
  z.strictObject({
    kind: z.literal('app'),
    /** The App's id or, as GitHub now recommends, its client id. */
    app_id: id.pipe(z.string().regex(/^[\w.-]{1,64}$/, 'must be the App ID or the client ID of the GitHub App')),
    installation_id: id.pipe(
      z.string().regex(/^\d{1,20}$/, 'must be the number at the end of the installation’s page'),
    ),
    private_key: privateKey,
  }),
  z.strictObject({
    kind: z.literal('refresh_token'),
    client_id: text,
    client_secret: text,
    refresh_token: text,
    login_url: loginUrl.default('https://github.com'),
  }),
]);

const owner = z
  .string()
  .regex(/^[A-Za-z\d](?:[A-Za-z\d-]{0,38}|[\w-]{0,99})$/, 'must be the login of a user or an organization');
const repository = z
  .string()
  .regex(/^[A-Za-z\d][\w-]{0,99}\/[\w.-]{1,100}$/, 'must be an owner and a name, such as octocat/hello-world');

const schema = z
  .strictObject({
    auth,
    /** GitHub Enterprise Server: https://HOST/api/v3; data residency: https://api.NAME.ghe.com. */
    base_url: url.default('https://api.github.com'),
    /** Logins whose repositories are synced, all that the credentials can see. */
    owners: z.array(owner).max(1000).default([]),
    /** Single repositories, as owner/name. */
    repositories: z.array(repository).max(10_000).default([]),
    /** Allows DELETE on the table of repositories, which deletes them with all that they hold. */
    delete_repositories: z.boolean().default(false),
    /** The secret of webhooks that were set up by hand; then none is registered. */
    webhook_secret: text.optional(),
    /** Records of one page of a listing. Fewer are slower, and help where GitHub answers 502 to the largest. */
    page_size: z.number().int().min(1).max(100).default(100),
  })
  .refine((config) => config.owners.length + config.repositories.length > 0, {
    message: 'owners or repositories must name what is synced, such as owners: [octocat]',
    path: [],
  });

export type GitHubConfig = z.output<typeof schema>;
export type Auth = GitHubConfig['auth'];

const kinds = 'token, app or refresh_token';

/** What is wrong, by the key that it is about, with the fix. Never a value: it may be a secret. */
function issueText(issue: z.core.$ZodIssue): string {
  const key = issue.path.join('.');
  if (issue.code === 'invalid_union' && ['kind', 'auth'].includes(String(issue.path.at(-1)))) {
    return `auth.kind must be ${kinds}`;
  }
  if (issue.code === 'unrecognized_keys') {
    return `${issue.keys.map((name) => [...issue.path, name].join('.')).join(', ')} is not a known key; remove it`;
  }
  if (issue.code === 'invalid_type' && issue.input === undefined) return `${key} is missing; add it`;
  if (issue.code === 'too_small' && issue.origin === 'string') return `${key} is empty; give it a value`;
  return key === '' ? issue.message : `${key} ${issue.message}`;
}

/** Validates the keys of a connection. Throws an Error that names each wrong key and its fix. */
export function parseConfig(input: unknown): GitHubConfig {
  if (typeof input === 'object' && input !== null && Reflect.get(input, 'auth') === undefined) {
    throw new Error(`github: auth is missing; add it with a kind: ${kinds}`);
  }
  const parsed = schema.safeParse(input, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw new Error(`github: ${parsed.error.issues.map(issueText).join('; ')}`);
}
