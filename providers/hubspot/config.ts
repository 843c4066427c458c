/** The configuration of a HubSpot connection. */
import { z } from 'zod';

const text = z.string().trim().min(1).max(16_384);

const baseUrl = text
  .superRefine((value, context) => {
    const parsed = URL.canParse(value) ? new URL(value) : undefined;
    const local = parsed !== undefined && ['localhost', '127.0.0.1', '[::1]'].includes(parsed.hostname);
    if (parsed === undefined || (parsed.protocol !== 'https:' && !(local && parsed.protocol === 'http:'))) {
      context.addIssue({ code: 'custom', message: 'must be an https:// address such as https://api.hubapi.com' });
    }
  })
  .transform((value) => new URL(value).origin)
  .default('https://api.hubapi.com');

const auth = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('private_app'), access_token: text }),
  z.strictObject({ kind: z.literal('oauth'), client_id: text, client_secret: text, refresh_token: text }),
]);

const objectName = z
  .string()
  .regex(/^[A-Za-z0-9][\w-]{0,99}$/, 'must be the name of an object, such as contacts, or its type id, such as 2-123');

const associationPair = z
  .string()
  .regex(
    /^[A-Za-z0-9][\w-]{0,99}\/[A-Za-z0-9][\w-]{0,99}$/,
    'must be two objects with a slash between them, such as contacts/companies',
  );

const schema = z.strictObject({
  auth,
  base_url: baseUrl,
  /** The client secret of the app whose webhooks come here, where it is not in `auth`. */
  webhook_secret: text.optional(),
  /** `default`: the six standard objects and every custom object; or names. */
  objects: z.union([z.literal('default'), z.array(objectName).min(1).max(500)]).default('default'),
  /** `default`: the usual pairs of the objects that are synced; `none`; or pairs. */
  associations: z.union([z.enum(['default', 'none']), z.array(associationPair).max(500)]).default('default'),
});

export type HubspotConfig = z.output<typeof schema>;
export type Auth = HubspotConfig['auth'];

const kinds = 'private_app or oauth';

/** What is wrong, by the key that it is about, with the fix. Never a value: it may be a secret. */
function issueText(issue: z.core.$ZodIssue): string {
  const key = issue.path.join('.') || 'the connection';
  if (issue.code === 'invalid_union') {
    if (key === 'objects') return 'objects must be default, or a list of names such as [contacts, deals]';
    if (key === 'associations') {
      return 'associations must be default, none, or a list of pairs such as [contacts/companies]';
    }
    return `auth.kind must be ${kinds}`;
  }
  if (issue.code === 'unrecognized_keys') {
    return `${issue.keys.map((name) => [...issue.path, name].join('.')).join(', ')} is not a known key; remove it`;
  }
  if (issue.code === 'invalid_type' && issue.input === undefined) return `${key} is missing; add it`;
  if (issue.code === 'too_small') return `${key} is empty; give it a value`;
  return `${key} ${issue.message}`;
}

/** Validates the keys of a connection. Throws an Error that names each wrong key and its fix. */
export function parseConfig(input: unknown): HubspotConfig {
  if (typeof input === 'object' && input !== null && Reflect.get(input, 'auth') === undefined) {
    throw new Error(`hubspot: auth is missing; add it with a kind: ${kinds}`);
  }
  const parsed = schema.safeParse(input, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw new Error(`hubspot: ${parsed.error.issues.map(issueText).join('; ')}`);
}
