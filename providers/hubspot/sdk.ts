/**
 * The SDK's generated clients, sending through our transport. They are taken one by one, and not from the SDK's `Client`:
 * that one wraps every method of the process in one shared limiter, and its transport cannot be replaced.
 */
import * as associations from '@hubspot/api-client/lib/codegen/crm/associations/v4/index.js';
import * as definitions from '@hubspot/api-client/lib/codegen/crm/associations/v4/schema/index.js';
import * as objects from '@hubspot/api-client/lib/codegen/crm/objects/index.js';
import * as properties from '@hubspot/api-client/lib/codegen/crm/properties/index.js';
import * as schemas from '@hubspot/api-client/lib/codegen/crm/schemas/index.js';
import type { CallTransport, SdkRequest } from './transport.js';

/** What each generated module has of its own: the same code, and types that TypeScript keeps apart. */
interface RequestContext {
  getUrl(): string;
  getHttpMethod(): string;
  getHeaders(): Record<string, string>;
  getBody(): unknown;
}

interface ResponseBody {
  text(): Promise<string>;
  binary(): Promise<Buffer>;
}

interface Generated<Context extends RequestContext, Response, Library, Server, Configuration> {
  wrapHttpLibrary(library: { send(request: Context): Promise<Response> }): Library;
  readonly ResponseContext: new (status: number, headers: Record<string, string>, body: ResponseBody) => Response;
  readonly ServerConfiguration: new (url: string, variables: Record<string, string>) => Server;
  createConfiguration(parameters: { baseServer: Server; httpApi: Library }): Configuration;
}

function asRequest(context: RequestContext): SdkRequest {
  return {
    method: context.getHttpMethod(),
    url: context.getUrl(),
    headers: context.getHeaders(),
    body: context.getBody(),
  };
}

function configure<Context extends RequestContext, Response, Library, Server, Configuration>(
  generated: Generated<Context, Response, Library, Server, Configuration>,
  transport: CallTransport,
  baseUrl: string,
): Configuration {
  const httpApi = generated.wrapHttpLibrary({
    send: async (context) => {
      const { status, headers, body } = await transport.send(asRequest(context));
      return new generated.ResponseContext(
        status,
        { ...headers },
        { text: () => Promise.resolve(body), binary: () => Promise.resolve(Buffer.from(body)) },
      );
    },
  });
  return generated.createConfiguration({ baseServer: new generated.ServerConfiguration(baseUrl, {}), httpApi });
}

/** The clients of one attempt. Each is made when it is first asked for. */
export interface Sdk {
  readonly basic: () => objects.BasicApi;
  readonly batch: () => objects.BatchApi;
  readonly search: () => objects.SearchApi;
  readonly properties: () => properties.CoreApi;
  readonly schemas: () => schemas.CoreApi;
  readonly associations: () => associations.BatchApi;
  readonly definitions: () => definitions.DefinitionsApi;
  /**
   * Asks for an access token. The SDK's own client asks at `/oauth/v1/token`, which HubSpot ends on 16 February 2027
   * (changelog, "v1 OAuth API Deprecation").
   */
  readonly token: (form: Readonly<Record<string, string>>) => Promise<unknown>;
  /** What the SDK has no client for. */
  readonly get: (path: string) => Promise<unknown>;
}

/** OAuth reference, version 2026-03, "OAuth token endpoint". */
const tokenPath = '/oauth/2026-03/token';

export function sdkOf(transport: CallTransport, baseUrl: string): Sdk {
  return {
    basic: () => new objects.BasicApi(configure(objects, transport, baseUrl)),
    batch: () => new objects.BatchApi(configure(objects, transport, baseUrl)),
    search: () => new objects.SearchApi(configure(objects, transport, baseUrl)),
    properties: () => new properties.CoreApi(configure(properties, transport, baseUrl)),
    schemas: () => new schemas.CoreApi(configure(schemas, transport, baseUrl)),
    associations: () => new associations.BatchApi(configure(associations, transport, baseUrl)),
    definitions: () => new definitions.DefinitionsApi(configure(definitions, transport, baseUrl)),
    token: (form) =>
      transport.send({
        method: 'POST',
        url: `${baseUrl}${tokenPath}`,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams(form),
      }),
    get: (path) => transport.send({ method: 'GET', url: `${baseUrl}${path}`, headers: {}, body: undefined }),
  };
}
