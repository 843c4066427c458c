/** Finds the ids that the rows of a batch need, before it is sent. */
import { type Fault, type FaultCode, fault } from '../../src/errors/index.js';
import type { Batch, BatchRow } from '../../src/provider/index.js';
import type { ClientCall, GitHubClient } from './client.js';
import { shown } from './errors.js';
import { assigned, columnOf, listOf } from './mapping.js';
import { isRest, type References } from './mutations.js';
import type { Directory, Found, Home, Reference } from './refs.js';

/** What was found out about a row. */
export interface Resolved {
  readonly references: References;
  /** Where the record is, or is to be: asked for only where it is needed. */
  readonly home: Home | undefined;
}

export interface Resolution {
  readonly rows: readonly Resolved[];
  /** Rows that name what GitHub does not have. */
  readonly faults: ReadonlyMap<number, Fault>;
}

/** A reference of a row, and the column and value that it is from. */
interface Need {
  readonly field: string;
  readonly value: string | number;
  readonly reference: Reference;
}

type Look = Omit<ClientCall, 'verb'>;

/** An update or delete has to know the record's repository: for the names in it, or for the path of a REST request. */
function needsHome(batch: Batch, row: BatchRow): boolean {
  if (row.key === null) return false;
  if (isRest(batch.verb, batch.resource.object)) return true;
  const milestone = assigned(batch.resource, row, 'milestone');
  return typeof milestone === 'number' || listOf(assigned(batch.resource, row, 'labels')).length > 0;
}

function needsOf(batch: Batch, row: BatchRow, home: Home | undefined): readonly Need[] {
  const { resource, verb } = batch;
  const needs: Need[] = [];
  const repository = home?.repository ?? '';
  const isInsert = verb === 'insert';
  if (isInsert && resource.object === 'Repository') {
    const owner = String(assigned(resource, row, 'owner') ?? '');
    needs.push({ field: 'owner', value: owner, reference: { kind: 'owner', name: owner } });
  } else if (isInsert && resource.object === 'IssueComment') {
    const number = Number(assigned(resource, row, 'issueNumber') ?? 0);
    needs.push({ field: 'issueNumber', value: number, reference: { kind: 'subject', repository, number } });
  } else if (isInsert && !isRest(verb, resource.object)) {
    needs.push({ field: 'repository', value: repository, reference: { kind: 'repository', repository } });
  }
  for (const name of listOf(assigned(resource, row, 'labels'))) {
    needs.push({ field: 'labels', value: name, reference: { kind: 'label', repository, name } });
  }
  for (const name of listOf(assigned(resource, row, 'assignees'))) {
    needs.push({ field: 'assignees', value: name, reference: { kind: 'user', name } });
  }
  const milestone = assigned(resource, row, 'milestone');
  if (typeof milestone === 'number') {
    const reference: Reference = { kind: 'milestone', repository, number: milestone };
    needs.push({ field: 'milestone', value: milestone, reference });
  }
  return needs;
}

function missingFault(client: GitHubClient, batch: Batch, need: Need, words: string, home: Home | undefined): Fault {
  const column = columnOf(batch.resource, need.field);
  const places: Readonly<Record<Reference['kind'], string>> = {
    owner: 'github',
    user: 'github',
    repository: 'github',
    label: `the labels of ${home?.repository}`,
    milestone: `the milestones of ${home?.repository}`,
    subject: `the issues and pull requests of ${home?.repository}`,
  };
  const where = places[need.reference.kind];
  return fault('bad_reference', {
    params: { provider: client.kit.provider },
    detail: client.kit.describe(`Key (${column?.name})=(${shown(need.value)}) is not present in ${where}.`),
    context: words,
    ...(column === undefined ? {} : { column: column.name }),
  });
}

function goneFault(client: GitHubClient, batch: Batch, row: BatchRow): Fault {
  const code: FaultCode = 'record_gone';
  const { provider } = client.kit;
  return fault(code, {
    params: { provider },
    detail: client.kit.describe(`Key (${batch.resource.key})=(${row.key}) is not present in ${provider}.`),
    context: `${provider} answered NOT_FOUND for the record`,
  });
}

/** Groups what was found by what the mutations take it as. */
function referencesOf(batch: Batch, row: BatchRow, ids: readonly { need: Need; id: string }[]): References {
  const of = (kind: Reference['kind']): readonly string[] =>
    ids.filter(({ need }) => need.reference.kind === kind).map(({ id }) => id);
  const [repositoryId] = of('repository');
  const [ownerId] = of('owner');
  const [subjectId] = of('subject');
  const [milestoneId = null] = of('milestone');
  const isGiven = (field: string): boolean => assigned(batch.resource, row, field) !== undefined;
  return {
    ...(repositoryId === undefined ? {} : { repositoryId }),
    ...(ownerId === undefined ? {} : { ownerId }),
    ...(subjectId === undefined ? {} : { subjectId }),
    ...(isGiven('labels') ? { labelIds: [...new Set(of('label'))] } : {}),
    ...(isGiven('assignees') ? { assigneeIds: [...new Set(of('user'))] } : {}),
    ...(isGiven('milestone') ? { milestoneId } : {}),
  };
}

function homeOf(batch: Batch, row: BatchRow, homes: ReadonlyMap<string, Home>): Home | undefined {
  if (row.key !== null) return homes.get(row.key);
  const repository = assigned(batch.resource, row, 'repository');
  return typeof repository === 'string' ? { repository, number: 0 } : undefined;
}

/** Looks up what the batch needs. Reads only: whatever fails here, nothing was sent. */
export async function resolveRows(
  client: GitHubClient,
  directory: Directory,
  batch: Batch,
  call: Look,
): Promise<Resolution> {
  // Part of a client's write, so it goes before the sync.
  const read: ClientCall = { ...call, verb: 'read', lane: 'write' };
  const homeless = batch.rows.filter((row) => needsHome(batch, row)).map((row) => row.key ?? '');
  const homes = await directory.homesOf(homeless, read);
  const needs = batch.rows.map((row) => needsOf(batch, row, homeOf(batch, row, homes)));
  const isGone = (row: BatchRow): boolean => needsHome(batch, row) && !homes.has(row.key ?? '');
  const wanted = needs.flatMap((list, index) => {
    const row = batch.rows[index];
    return row === undefined || isGone(row) ? [] : list.map(({ reference }) => reference);
  });
  const find: (reference: Reference) => Found = await directory.find(wanted, read);
  const faults = new Map<number, Fault>();
  const rows = batch.rows.map((row, index): Resolved => {
    const home = homeOf(batch, row, homes);
    if (isGone(row)) {
      faults.set(index, goneFault(client, batch, row));
      return { references: {}, home };
    }
    const ids: { need: Need; id: string }[] = [];
    for (const need of needs[index] ?? []) {
      const found = find(need.reference);
      if ('id' in found) ids.push({ need, id: found.id });
      else if (!faults.has(index)) faults.set(index, missingFault(client, batch, need, found.words, home));
    }
    return { references: referencesOf(batch, row, ids), home };
  });
  return { rows, faults };
}
