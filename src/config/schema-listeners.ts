/** Where Upwrite listens: the keys of clients' connections and their TLS, of webhooks, of health and metrics. */
import { z } from 'zod';
import { duration, meaning, text, whole } from './schema-values.js';

const listenObject = z.strictObject({
  host: text('a host name or an address')
    .prefault('127.0.0.1')
    .meta(meaning('Address to listen on; `0.0.0.0` for all of IPv4, `::` for all')),
  port: whole(0, 65_535).prefault(6432).meta(meaning('TCP port; 0 lets the system choose')),
  maxConnections: whole(1, 100_000)
    .prefault(1000)
    .meta(meaning('Client sessions at once; one more is refused with 53300')),
  startupTimeout: duration('1s', '1h')
    .prefault('60s')
    .meta(meaning('Time that a client has from connecting to being logged in')),
  directIo: z
    .enum(['auto', 'always', 'off'])
    .prefault('auto')
    .meta(
      meaning(
        '`auto`: busy connections without TLS are read and written by system calls of Upwrite’s own, where it can (Linux with glibc, x64 or arm64); `always`: from the first byte after the login on; `off`: by Node alone',
      ),
    ),
});

const hostAndPort = 'must be host:port, or an object with host and port';

/** `host:port`, or a port alone, as an object; everything else as it is. */
function hostAndPortOf(input: unknown, context: z.RefinementCtx): unknown {
  if (typeof input !== 'string' && typeof input !== 'number') return input;
  const match = /^(?:(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(String(input));
  if (match !== null) return { ...((match[1] ?? match[2]) ? { host: match[1] ?? match[2] } : {}), port: match[3] };
  context.addIssue({ code: 'custom', message: hostAndPort });
  return {};
}

export const listen = z
  .preprocess(hostAndPortOf, listenObject)
  .prefault({})
  .meta(meaning('Where clients connect: `host:port`, or the keys below'));

export const webhooks = z
  .strictObject({
    url: text('an address')
      .transform((value, context) => {
        const parsed = URL.canParse(value) ? new URL(value) : undefined;
        const local = parsed !== undefined && ['localhost', '127.0.0.1', '[::1]'].includes(parsed.hostname);
        const isPlain = parsed !== undefined && parsed.search === '' && parsed.hash === '' && parsed.username === '';
        if (isPlain && (parsed.protocol === 'https:' || (local && parsed.protocol === 'http:'))) {
          return parsed.href.replace(/\/+$/, '');
        }
        context.addIssue({ code: 'custom', message: 'must be an https:// address without a query' });
        return z.NEVER;
      })
      .optional()
      .meta(
        meaning(
          'Public address under which APIs reach `webhooks.listen`; they post to `<url>/webhooks/<connection>`. Without it nothing is received',
        ),
      ),
    listen: z
      .preprocess(
        hostAndPortOf,
        z.strictObject({
          host: text('a host name or an address').prefault('127.0.0.1').meta(meaning('Address to listen on')),
          port: whole(0, 65_535).prefault(6433).meta(meaning('TCP port, plain HTTP')),
        }),
      )
      .prefault({})
      .meta(
        meaning('Where deliveries are taken: `host:port`, or the keys below; it may be the address of `admin.listen`'),
      ),
  })
  .prefault({});

export const adminListen = z.union([z.string(), z.number()], 'must be host:port').transform((input, context) => {
  const match = /^(?:(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(String(input));
  if (match !== null && Number(match[3]) <= 65_535) {
    return { host: match[1] ?? match[2] ?? '127.0.0.1', port: Number(match[3]) };
  }
  context.addIssue({ code: 'custom', message: 'must be host:port' });
  return z.NEVER;
});

export const tls = z
  .strictObject({
    mode: z
      .enum(['disable', 'allow', 'require'])
      .optional()
      .meta({
        ...meaning('`require` refuses clients without TLS; `allow` leaves it to them'),
        shownDefault: '`allow` with a certificate, else `disable`',
      }),
    cert: text('the name of a file')
      .optional()
      .meta(meaning('File with the certificate chain (PEM); read again on SIGHUP')),
    key: text('the name of a file').optional().meta(meaning('File with the private key (PEM); read again on SIGHUP')),
    minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).prefault('TLSv1.2').meta(meaning('Oldest protocol version')),
  })
  .superRefine(({ mode, cert, key }, context) => {
    if ((cert === undefined) !== (key === undefined)) {
      const absent = cert === undefined ? 'cert' : 'key';
      context.addIssue({ code: 'custom', message: `${absent} is missing: cert and key belong together` });
    } else if (mode !== undefined && mode !== 'disable' && cert === undefined) {
      context.addIssue({ code: 'custom', path: ['mode'], message: `mode ${mode} needs cert and key` });
    }
  })
  .prefault({});
