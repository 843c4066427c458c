/** The shapes of HubSpot's answers, as far as they are read. Source: CRM API reference. */
import { z } from 'zod';

const texts = z.array(z.string());

/** A record. Values are always text, or null. */
export const recordSchema = z.object({
  id: z.string(),
  properties: z.record(z.string(), z.string().nullable()),
  createdAt: z.string().optional(),
  updatedAt: z.string().optional(),
  archivedAt: z.string().nullish(),
  objectWriteTraceId: z.string().nullish(),
  /** Of an upsert: whether the record was made by it. */
  new: z.boolean().nullish(),
});

export type ApiRecord = z.output<typeof recordSchema>;

/** A context's values are lists of text; some endpoints put other things there, which say nothing here. */
const contextSchema = z.record(z.string(), texts.catch([])).catch({});

const detailSchema = z.object({
  message: z.string().catch(''),
  code: z.string().nullish(),
  in: z.string().nullish(),
  context: contextSchema.optional(),
});

/** An error body, or an error within a 207. The documentation calls every member optional. */
export const errorSchema = z.object({
  message: z.string().catch(''),
  category: z.string().nullish(),
  subCategory: z.string().nullish().catch(undefined),
  /** Of the limits' own errors. */
  policyName: z.string().nullish(),
  errorType: z.string().nullish(),
  context: contextSchema.optional(),
  errors: z.array(detailSchema).nullish().catch(undefined),
});

export type ErrorBody = z.output<typeof errorSchema>;

const pagingSchema = z.object({ next: z.object({ after: z.string() }).optional() }).nullish();

export const listSchema = z.object({ results: z.array(recordSchema), paging: pagingSchema });

export const searchSchema = z.object({ total: z.number(), results: z.array(recordSchema), paging: pagingSchema });

export const batchSchema = z.object({ results: z.array(recordSchema), errors: z.array(errorSchema).nullish() });

const optionSchema = z.object({ value: z.string(), hidden: z.boolean().nullish() });

export const propertySchema = z.object({
  name: z.string(),
  label: z.string().nullish(),
  type: z.string(),
  fieldType: z.string().nullish(),
  description: z.string().nullish(),
  options: z.array(optionSchema).nullish(),
  externalOptions: z.boolean().nullish(),
  referencedObjectType: z.string().nullish(),
  calculated: z.boolean().nullish(),
  hasUniqueValue: z.boolean().nullish(),
  hubspotDefined: z.boolean().nullish(),
  archived: z.boolean().nullish(),
  modificationMetadata: z.object({ readOnlyValue: z.boolean().nullish() }).nullish(),
});

export type Property = z.output<typeof propertySchema>;

export const propertiesSchema = z.object({ results: z.array(propertySchema) });

export const schemasSchema = z.object({
  results: z.array(
    z.object({
      name: z.string(),
      objectTypeId: z.string(),
      fullyQualifiedName: z.string().nullish(),
      labels: z.object({ singular: z.string().nullish(), plural: z.string().nullish() }).nullish(),
      requiredProperties: texts.nullish(),
      archived: z.boolean().nullish(),
      properties: z.array(propertySchema),
      associations: z.array(z.object({ fromObjectTypeId: z.string(), toObjectTypeId: z.string() })).nullish(),
    }),
  ),
});

export type CustomObject = z.output<typeof schemasSchema>['results'][number];

export const labelsSchema = z.object({
  results: z.array(z.object({ category: z.string(), typeId: z.number(), label: z.string().nullish() })),
});

export type AssociationLabel = z.output<typeof labelsSchema>['results'][number];

const id = z.union([z.string(), z.number()]).transform(String);

export const associationsReadSchema = z.object({
  results: z.array(
    z.object({
      from: z.object({ id }),
      to: z.array(
        z.object({
          toObjectId: id,
          associationTypes: z.array(z.object({ category: z.string(), typeId: z.number() })),
        }),
      ),
      paging: pagingSchema,
    }),
  ),
});

export const associationsWriteSchema = z.object({
  results: z.array(z.object({ fromObjectId: id, toObjectId: id })),
  errors: z.array(errorSchema).nullish(),
});

export const accountSchema = z.object({
  portalId: id,
  accountType: z.string().nullish(),
  dataHostingLocation: z.string().nullish(),
});

export const tokenSchema = z.object({
  access_token: z.string().min(1),
  refresh_token: z.string().nullish(),
  /** Seconds. */
  expires_in: z.number().positive(),
});
