/**
 * From Salesforce's refusals to Upwrite's catalogue. The codes are the StatusCode and ExceptionCode enumerations of the
 * SOAP API's WSDL, which the REST API shares (SOAP API Developer Guide, "Core Data Types Used in API Calls").
 */
import { type Fault, type FaultCode, type FaultDetails, fault } from '../../src/errors/index.js';
import type { BatchRow, Column, JsonValue, Kit, Resource, Verb } from '../../src/provider/index.js';

/** One error of a record's result, or of a whole request. */
export interface ApiError {
  readonly code: string;
  readonly message: string;
  readonly fields: readonly string[];
}

/** The code that the other rows of a refused all-or-none request carry. */
export const rolledBack = 'ALL_OR_NONE_OPERATION_ROLLED_BACK';

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}

/** Every code that these calls are documented to give, by what it means to a client. What is not here is `validation`. */
export const codesByMeaning = {
  required_missing: words(`
    REQUIRED_FIELD_MISSING MISSING_ARGUMENT ASSIGNEE_TYPE_REQUIRED UNSPECIFIED_EMAIL_ADDRESS ID_REQUIRED
    EMPTY_SCONTROL_FILE_NAME INVALID_EMPTY_KEY_OWNER MANAGER_NOT_DEFINED REQUIRE_RUNAS_USER`),
  duplicate: words(`
    DUPLICATE_VALUE DUPLICATES_DETECTED DUPLICATE_CASE_SOLUTION DUPLICATE_COMM_NICKNAME
    DUPLICATE_CUSTOM_ENTITY_DEFINITION DUPLICATE_CUSTOM_TAB_MOTIF DUPLICATE_DEVELOPER_NAME DUPLICATE_EXTERNAL_ID
    DUPLICATE_MASTER_LABEL DUPLICATE_SENDER_DISPLAY_NAME DUPLICATE_USERNAME DUPLICATE_ARGUMENT_VALUE
    NONUNIQUE_SHIPPING_ADDRESS PORTAL_USER_ALREADY_EXISTS_FOR_CONTACT SUBDOMAIN_IN_USE CUSTOM_INDEX_EXISTS
    CONFLICTING_SSO_USER_MAPPING CONFLICTING_ENVIRONMENT_HUB_MEMBER`),
  bad_reference: words(`
    INVALID_CROSS_REFERENCE_KEY INVALID_CROSS_REFERENCE_TYPE_FOR_FIELD INVALID_USERID INVALID_OWNER
    INACTIVE_OWNER_OR_USER NO_SUCH_USER_EXISTS MISSING_RECORD ITEM_NOT_FOUND UNAVAILABLE_REF RECORD_NOT_FOUND
    UNAVAILABLE_RECORDTYPE_EXCEPTION CONTENT_TYPE_NOT_FOUND STANDARD_PRICE_NOT_DEFINED TEMPLATE_NOT_FOUND
    SOCIAL_ACCOUNT_NOT_FOUND SOCIAL_PERSONA_NOT_FOUND SOCIAL_POST_NOT_FOUND INVALID_MESSAGE_ID_REFERENCE
    INVALID_DATA_CATEGORY_GROUP_REFERENCE INVALID_DATASET_REFERENCE_INPUT INVALID_ASSIGNMENT_RULE PRICE_NOT_FOUND
    INVALID_SETUP_OWNER CIRCULAR_DEPENDENCY SELF_REFERENCE_FROM_TRIGGER SELF_REFERENCE_FROM_FLOW
    ORDER_MANAGEMENT_RECORD_NOT_FOUND
    DELETE_FAILED DEPENDENCY_EXISTS DELETE_REQUIRED_ON_CASCADE HAS_PUBLIC_REFERENCES CANNOT_CASCADE_PRODUCT_ACTIVE
    USER_OWNS_PORTAL_ACCOUNT_EXCEPTION USER_WITH_APEX_SHARES_EXCEPTION CANNOT_DELETE_OWNER RECORD_IN_USE_BY_WORKFLOW`),
  too_long: words(`
    STRING_TOO_LONG MAX_TASK_DESCRIPTION_EXCEEEDED MAXIMUM_SIZE_OF_ATTACHMENT MAXIMUM_SIZE_OF_DOCUMENT
    FILE_SIZE_LIMIT_EXCEEDED IMAGE_TOO_LARGE PAYLOAD_SIZE_EXCEEDED WEBLINK_SIZE_LIMIT_EXCEEDED EXCEEDED_MAX_SIZE_REQUEST
    CUSTOM_CLOB_FIELD_LIMIT_EXCEEDED`),
  malformed: words(`
    MALFORMED_ID INVALID_ID_FIELD INVALID_ARGUMENT_TYPE INVALID_TYPE_ON_FIELD_IN_RECORD INVALID_INET_ADDRESS
    TEXT_DATA_OUTSIDE_SUPPORTED_CHARSET INVALID_DATE_FORMAT INVALID_DATA_URI INVALID_TEXT_REPRESENTATION
    JSON_PARSER_ERROR ARGUMENT_OBJECT_PARSE_ERROR POST_BODY_PARSE_ERROR`),
  upstream_permission: words(`
    INSUFFICIENT_ACCESS_OR_READONLY INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY INSUFFICIENT_ACCESS
    INSUFFICIENT_ACCESS_TO_INSIGHTSEXTERNALDATA INVALID_ACCESS_LEVEL INVALID_READ_ONLY_USER_DML DELETE_NOT_ALLOWED
    TRANSFER_REQUIRES_READ APEX_DATA_ACCESS_RESTRICTION ENTITY_IS_LOCKED ENTITY_IS_ARCHIVED PORTAL_NO_ACCESS
    COMMUNITY_NOT_ACCESSIBLE FUNCTIONALITY_NOT_ENABLED LICENSE_LIMIT_EXCEEDED PACKAGE_LICENSE_REQUIRED
    PACKAGE_DISABLED INVALID_PACKAGE_LICENSE OP_WITH_INVALID_USER_TYPE_EXCEPTION NO_ATTACHMENT_PERMISSION
    NO_MASS_MAIL_PERMISSION NO_PARTNER_PERMISSION REL_FIELD_BAD_ACCESSIBILITY REQUIRED_FEATURE_MISSING
    CANNOT_MODIFY_MANAGED_OBJECT CANNOT_DELETE_MANAGED_OBJECT CANNOT_DELETE_ENTITY EXTERNAL_RESOURCE_FORBIDDEN
    INVALID_TYPE_FOR_OPERATION QUICK_ACTION_LIST_NOT_ALLOWED QUICK_ACTION_LIST_ITEM_NOT_ALLOWED
    LIGHT_PORTAL_USER_EXCEPTION PA_NO_ACCESS_EXCEPTION REPUTATION_MINIMUM_NUMBER_NOT_REACHED TXN_SECURITY_NO_ACCESS
    ORDER_MANAGEMENT_ACTION_NOT_ALLOWED IP_RANGE_LIMIT_EXCEEDED TERMS_OF_SERVICE_UNREAD`),
  read_only_column: words(`
    FIELD_NOT_UPDATABLE INVALID_FIELD_FOR_INSERT_UPDATE INVALID_FIELD CANNOT_REPARENT_RECORD
    INVALID_FIELD_WHEN_USING_TEMPLATE METADATA_FIELD_UPDATE_ERROR`),
  record_gone: words('ENTITY_IS_DELETED NOT_FOUND'),
  credentials_refused: words(`
    INVALID_SESSION_ID INVALID_ACCESS_TOKEN INVALID_AUTH_HEADER INVALID_REFRESH_TOKEN NO_ACCESS_TOKEN NO_REFRESH_TOKEN
    NO_ACCESS_TOKEN_FROM_REFRESH NO_TOKEN_ENDPOINT NO_AUTH_PROVIDER AUTH_PROVIDER_NEEDS_AUTH AUTH_PROVIDER_NOT_FOUND
    UNKNOWN_TOKEN_ERROR INVALID_OAUTH_URL INVALID_LOGIN INVALID_CLIENT INVALID_OPERATION_WITH_EXPIRED_PASSWORD
    API_DISABLED_FOR_ORG API_CURRENTLY_DISABLED CLIENT_NOT_ACCESSIBLE_FOR_USER CLIENT_REQUIRE_UPDATE_FOR_USER
    LOGIN_DURING_RESTRICTED_DOMAIN LOGIN_DURING_RESTRICTED_TIME LOGIN_MUST_USE_SECURITY_TOKEN LOGIN_CHALLENGE_ISSUED
    LOGIN_CHALLENGE_PENDING PASSWORD_LOCKOUT ORG_LOCKED ORG_IS_SIGNING_UP TRIAL_EXPIRED INACTIVE_PORTAL
    MUTUAL_AUTHENTICATION_FAILED REQUIRE_CONNECTED_APP_SCS REQUIRE_CONNECTED_APP_SESSION_SCS
    TXN_SECURITY_END_A_SESSION TXN_SECURITY_TWO_FA_REQUIRED`),
  /** Nothing was applied, and the same request can succeed a little later: the kit sends it again. */
  upstream_unavailable: words(`
    UNABLE_TO_LOCK_ROW SERVER_UNAVAILABLE INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE ORG_IN_MAINTENANCE
    FUNCTIONALITY_TEMPORARILY_UNAVAILABLE TOO_MANY_APEX_REQUESTS ALREADY_IN_PROCESS COLLISION_DETECTED
    TERRITORY_REALIGN_IN_PROGRESS PLATFORM_EVENT_PUBLISHING_UNAVAILABLE`),
  rate_limited: words('REQUEST_LIMIT_EXCEEDED EXCEEDED_QUOTA'),
  /** The server failed while it worked on the row; under all-or-none nothing of the request remains. */
  validation: words(`
    INVALID_EMAIL_ADDRESS INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST FIELD_CUSTOM_VALIDATION_EXCEPTION
    FIELD_FILTER_VALIDATION_EXCEPTION FIELD_INTEGRITY_EXCEPTION NUMBER_OUTSIDE_VALID_RANGE
    RELATED_ENTITY_FILTER_VALIDATION_EXCEPTION CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY CANNOT_EXECUTE_FLOW_TRIGGER
    CUSTOM_APEX_ERROR FLOW_EXCEPTION ENTITY_SAVE_ERROR ENTITY_SAVE_VALIDATION_ERROR INVALID_STATUS INVALID_TYPE
    INVALID_CURRENCY_ISO INVALID_MARKUP UNSAFE_HTML_CONTENT TOO_MANY_ENUM_VALUE CANNOT_UPDATE_CONVERTED_LEAD
    STORAGE_LIMIT_EXCEEDED LIMIT_EXCEEDED UNKNOWN_EXCEPTION INTERNAL_ERROR PROCESSING_HALTED MIXED_DML_OPERATION
    EXCEEDED_ID_LIMIT REQUEST_RUNNING_TOO_LONG QUERY_TIMEOUT ALL_OR_NONE_OPERATION_ROLLED_BACK`),
} as const satisfies Partial<Record<FaultCode, readonly string[]>>;

type Meaning = keyof typeof codesByMeaning;

const meanings = new Map<string, Meaning>();
for (const [meaning, codes] of Object.entries(codesByMeaning)) {
  for (const code of codes) meanings.set(code, meaning as Meaning);
}

/** What a code means to a client; codes that Salesforce adds later are `validation`. */
export function meaningOf(code: string): Meaning {
  return meanings.get(code) ?? 'validation';
}

/** A value in a DETAIL line, as Postgres shows one in `Key (a)=(b)`; long ones are cut. */
function shown(value: JsonValue | undefined): string {
  const text =
    value === null || value === undefined
      ? 'null'
      : typeof value === 'string'
        ? value
        : Array.isArray(value)
          ? value.join(';')
          : JSON.stringify(value);
  const characters = [...text];
  return characters.length > 100 ? `${characters.slice(0, 99).join('')}…` : text;
}

/** A lookup that leads nowhere is often refused without its field: where the row assigns only one, it is that one. */
function assignedReference(error: ApiError, resource: Resource, row: BatchRow | undefined): readonly Column[] {
  if (row === undefined || !/^(INVALID_CROSS_REFERENCE|ENTITY_IS_DELETED)/.test(error.code)) return [];
  if (error.code === 'ENTITY_IS_DELETED' && row.key !== null) return [];
  const assigned = resource.columns.filter(
    (column) => column.references !== undefined && typeof row.values[column.name] === 'string',
  );
  return assigned.length === 1 ? assigned : [];
}

/** Field names stand in `fields`; some messages only mention them. */
function columnsOf(error: ApiError, resource: Resource, row: BatchRow | undefined): readonly Column[] {
  const byField = new Map(resource.columns.map((column) => [column.field.toLowerCase(), column]));
  const named = error.fields.flatMap((field) => byField.get(field.toLowerCase()) ?? []);
  if (named.length > 0) return named;
  const reference = assignedReference(error, resource, row);
  if (reference.length > 0) return reference;
  const mentioned = /duplicate value found: (\w+)|No such column '(\w+)'|update fields: ([\w, ]+)/.exec(error.message);
  return words((mentioned?.slice(1).find(Boolean) ?? '').replaceAll(',', ' ')).flatMap(
    (field) => byField.get(field.toLowerCase()) ?? [],
  );
}

/** The API's sentence with its field names as column names. */
function inColumnNames(message: string, columns: readonly Column[]): string {
  return columns.reduce(
    (text, column) => text.replace(new RegExp(`(?<![\\w.])${column.field}(?!\\w)`, 'g'), column.name),
    message,
  );
}

function sentence(text: string): string {
  const trimmed = text.trim();
  return /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}

interface Refusal {
  readonly error: ApiError;
  readonly columns: readonly Column[];
  readonly row: BatchRow | undefined;
  readonly resource: Resource;
}

function requiredDetail({ columns }: Refusal): string {
  const names = columns.map((column) => `"${column.name}"`);
  return names.length === 1
    ? `Column ${names[0]} is required and has no value.`
    : `Columns ${names.join(', ')} are required and have no value.`;
}

/** Sentences by code, where the column is known; `key` is Postgres' own `Key (column)=(value)`. */
const details: Readonly<Record<string, (key: string, refusal: Refusal) => string>> = {
  INVALID_EMAIL_ADDRESS: (key) => `${key} is not a valid email address.`,
  REQUIRED_FIELD_MISSING: (_, refusal) => requiredDetail(refusal),
  DUPLICATE_VALUE: (key) => `${key} already exists.`,
  DUPLICATE_EXTERNAL_ID: (key) => `${key} is the value of more than one record.`,
  STRING_TOO_LONG: (key, { columns }) => {
    const length = columns[0]?.maxLength;
    return length === undefined ? `${key} is too long.` : `${key} is longer than ${length} characters.`;
  },
  INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST: (key) => `${key} is not one of the values that the field allows.`,
  NUMBER_OUTSIDE_VALID_RANGE: (key) => `${key} is outside the range that the field allows.`,
  INVALID_TYPE_ON_FIELD_IN_RECORD: (key) => `${key} does not have the type of the field.`,
  ENTITY_IS_DELETED: (key, { columns }) => referenceDetail(key, columns[0]),
  MALFORMED_ID: (key) => `${key} is not a well-formed record id.`,
  INVALID_CROSS_REFERENCE_KEY: (key, { columns }) => referenceDetail(key, columns[0]),
  INVALID_CROSS_REFERENCE_TYPE_FOR_FIELD: (key, { columns }) => referenceDetail(key, columns[0]),
  FIELD_NOT_UPDATABLE: (_, { columns }) => `Column "${columns[0]?.name}" cannot be changed.`,
};

function referenceDetail(key: string, column: Column | undefined): string {
  return `${key} is not present in ${column?.references?.join(' or ') ?? 'salesforce'}.`;
}

function detailOf(refusal: Refusal, code: FaultCode): string {
  const { error, columns, row, resource } = refusal;
  const [column] = columns;
  const isOwn = column === undefined || column.name === resource.key;
  const specific = details[error.code];
  if (specific !== undefined && !isOwn) {
    return specific(`Key (${column.name})=(${shown(row?.values[column.name])})`, refusal);
  }
  const key = row?.key ?? null;
  if (key !== null && (error.code === 'DELETE_FAILED' || error.code === 'DEPENDENCY_EXISTS')) {
    return `Key (${resource.key})=(${key}) is still referenced: ${sentence(error.message)}`;
  }
  if (key !== null && code === 'record_gone') {
    return `Key (${resource.key})=(${key}) is not present in salesforce.`;
  }
  return sentence(inColumnNames(error.message, columns));
}

/** A wrong id without a field, or on the Id itself, is the row's own record, which is not there. */
function faultCode(refusal: Refusal, verb: Verb): FaultCode {
  const { error, columns, resource } = refusal;
  const meaning = meaningOf(error.code);
  const isOwn = columns.every((column) => column.name === resource.key) && error.fields.every((f) => f === 'Id');
  const namesItself = verb === 'update' || verb === 'delete';
  if (error.code === 'INVALID_CROSS_REFERENCE_KEY' && isOwn && namesItself) return 'record_gone';
  if (error.code === 'ENTITY_IS_DELETED' && !namesItself) return 'bad_reference';
  // These messages name a column; without one the general case says more.
  if (meaning === 'read_only_column' && columns.length === 0) return 'validation';
  return meaning;
}

/** The API's own code and words, for the CONTEXT line. */
export function contextOf(errors: readonly ApiError[], kit: Kit): string {
  return kit.describe(`salesforce answered ${errors.map((error) => `${error.code}: ${error.message}`).join('; ')}`);
}

/** The fault of a refused row, or of every row (`row` undefined) when the whole request was refused. */
export function refusalFault(
  errors: readonly ApiError[],
  resource: Resource,
  verb: Verb,
  row: BatchRow | undefined,
  kit: Kit,
): Fault {
  const error = errors[0] ?? { code: 'UNKNOWN_EXCEPTION', message: 'no reason was given', fields: [] };
  const columns = columnsOf(error, resource, row);
  const refusal: Refusal = { error, columns, row, resource };
  const column = columns[0]?.name;
  const code = faultCode(refusal, verb);
  const givenDetail = kit.describe(detailOf(refusal, code));
  const occurrence: FaultDetails = {
    params: {
      provider: kit.provider,
      connection: kit.connection,
      table: resource.name,
      verb: verb.toUpperCase(),
      column: column ?? '',
      seconds: 60,
    },
    detail: givenDetail,
    context: contextOf(errors, kit),
    ...(column === undefined ? {} : { column }),
  };
  return fault(code, occurrence);
}

/** The errors in a top-level error body, an array of `{errorCode, message, fields}`; empty when it is something else. */
export function parseErrors(body: unknown): readonly ApiError[] {
  if (!Array.isArray(body)) return [];
  return body.flatMap((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null) return [];
    const code: unknown = Reflect.get(entry, 'errorCode') ?? Reflect.get(entry, 'statusCode');
    const message: unknown = Reflect.get(entry, 'message');
    const fields: unknown = Reflect.get(entry, 'fields');
    if (typeof code !== 'string') return [];
    return [
      {
        code,
        message: typeof message === 'string' ? message.trim() : '',
        fields: Array.isArray(fields) ? fields.filter((field): field is string => typeof field === 'string') : [],
      },
    ];
  });
}
