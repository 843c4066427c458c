/** The configuration of a Stripe connection. */
import { z } from 'zod';

const text = z.string().trim().min(1).max(1024);

/** Secret keys begin with `sk_`, restricted ones with `rk_` (docs page "API keys"). */
const apiKey = text.superRefine((value, context) => {
  if (/^(sk|rk)_\w{8,}$/.test(value)) return;
  const message = value.startsWith('pk_')
    ? 'is a publishable key, which can neither list nor change records; use a secret (sk_) or restricted (rk_) key'
    : 'must be a secret key (sk_live_…, sk_test_…) or a restricted key (rk_…)';
  context.addIssue({ code: 'custom', message });
});

const address = text
  .superRefine((value, context) => {
    const parsed = URL.canParse(value) ? new URL(value) : undefined;
    const local = parsed !== undefined && ['localhost', '127.0.0.1', '[::1]'].includes(parsed.hostname);
    if (parsed === undefined || (parsed.protocol !== 'https:' && !(local && parsed.protocol === 'http:'))) {
      context.addIssue({ code: 'custom', message: 'must be an https:// address such as https://api.stripe.com' });
    }
  })
  .transform((value) => new URL(value));

const schema = z.strictObject({
  auth: z.strictObject({
    kind: z.literal('api_key').default('api_key'),
    api_key: apiKey,
    /** A connected account, on whose behalf every request is made. */
    account: z
      .string()
      .regex(/^acct_\w+$/, 'must be the id of a connected account, acct_…')
      .optional(),
  }),
  base_url: address.default(new URL('https://api.stripe.com')),
  /** Requests that may start in one second. Stripe's own limits: 100 live, 25 in a sandbox. */
  requests_per_second: z.number().int().min(1).max(10_000).optional(),
  /** The signing secret of the webhook endpoint. */
  webhook_secret: z
    .string()
    .regex(/^whsec_\w+$/, 'must be the signing secret of a webhook endpoint, whsec_…')
    .optional(),
});

export type StripeConfig = z.output<typeof schema>;

/** What is wrong, by the key that it is about, with the fix. Never a value: it may be a secret. */
function issueText(issue: z.core.$ZodIssue): string {
  const key = issue.path.join('.') || 'the connection';
  if (issue.code === 'unrecognized_keys') {
    return `${issue.keys.map((name) => [...issue.path, name].join('.')).join(', ')} is not a known key; remove it`;
  }
  if (issue.code === 'invalid_type' && issue.input === undefined) return `${key} is missing; add it`;
  if (issue.code === 'invalid_value') return `${key} must be api_key`;
  return `${key} ${issue.message}`;
}

/** Validates the keys of a connection. Throws an Error that names each wrong key and its fix. */
export function parseConfig(input: unknown): StripeConfig {
  if (typeof input === 'object' && input !== null && Reflect.get(input, 'auth') === undefined) {
    throw new Error('stripe: auth is missing; add it with an api_key');
  }
  const parsed = schema.safeParse(input, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw new Error(`stripe: ${parsed.error.issues.map(issueText).join('; ')}`);
}

/** Requests a second that the key's mode allows (docs page "Rate limits"). */
export function requestsPerSecond(config: StripeConfig): number {
  if (config.requests_per_second !== undefined) return config.requests_per_second;
  return /^(sk|rk)_live_/.test(config.auth.api_key) ? 100 : 25;
}

export function isRestricted(config: StripeConfig): boolean {
  return config.auth.api_key.startsWith('rk_');
}
