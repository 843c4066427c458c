/** JSON, as values travel between Upwrite and a provider. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };
