/**
 * From association labels to resources: one row for each pair of records, a boolean column for each label. HubSpot does
 * not document whether writing labels again replaces or adds to them, so there is no update.
 * Source: CRM API guide, "Associations v4".
 */
import { assignNames, type Column, type Resource, snakeCase, type WriteLimit } from '../../src/provider/index.js';
import type { AssociationLabel } from './answers.js';
import type { ObjectChoice } from './resources.js';

/** The API takes 2,000 pairs; a statement takes as many as any other of HubSpot's unless it is raised. */
const limit: WriteLimit = { max: 100, ceiling: 2000, atomic: false };

/** Pairs that most accounts use, by path. */
const usualPairs: readonly (readonly [string, string])[] = [
  ['contacts', 'companies'],
  ['deals', 'contacts'],
  ['deals', 'companies'],
  ['deals', 'line_items'],
  ['tickets', 'contacts'],
  ['tickets', 'companies'],
  ['tickets', 'deals'],
];

export type Pair = readonly [ObjectChoice, ObjectChoice];

/** Whether a resource is one of associations: its object is a pair. */
export function isAssociation(resource: Resource): boolean {
  return resource.object.includes('/');
}

export function pathsOf(resource: Resource): readonly [string, string] {
  const [from = '', to = ''] = resource.object.split('/');
  return [from, to];
}

/** The pairs to describe: the usual ones of the chosen objects, those of custom objects, or the named ones. */
export function choosePairs(
  objects: readonly ObjectChoice[],
  wanted: 'default' | 'none' | readonly string[],
): { readonly pairs: readonly Pair[]; readonly missing: readonly string[] } {
  const byName = new Map(objects.flatMap((object) => [object.path, object.table].map((name) => [name, object])));
  if (wanted === 'none') return { pairs: [], missing: [] };
  if (wanted !== 'default') {
    const found = wanted.map((name): Pair | undefined => {
      const [from, to] = name.split('/').map((part) => byName.get(part.toLowerCase()));
      return from === undefined || to === undefined ? undefined : [from, to];
    });
    return {
      pairs: found.filter((pair): pair is Pair => pair !== undefined),
      missing: wanted.filter((_, index) => found[index] === undefined),
    };
  }
  const usual = usualPairs.flatMap(([from, to]): readonly Pair[] => {
    const [one, other] = [byName.get(from), byName.get(to)];
    return one === undefined || other === undefined ? [] : [[one, other]];
  });
  const ofCustom = objects.flatMap((object) =>
    objects.filter((other) => object.associated.includes(other.typeId ?? '')).map((other): Pair => [object, other]),
  );
  const isRepeated = ([from, to]: Pair, index: number): boolean =>
    ofCustom.slice(0, index).some(([one, other]) => one === to && other === from);
  return { pairs: [...usual, ...ofCustom.filter((pair, index) => !isRepeated(pair, index))], missing: [] };
}

const plain = { type: 'text', nullable: false, insertable: true, updatable: false, required: true } as const;

/** The field of a label's column, and of the key's for the association without a label: its category and type id. */
export function fieldOf({ category, typeId }: { readonly category: string; readonly typeId: number }): string {
  return `${category}:${typeId}`;
}

export function specOf(
  field: string,
): { readonly associationCategory: string; readonly associationTypeId: number } | null {
  const match = /^([A-Z_]+):(\d+)$/.exec(field);
  return match === null ? null : { associationCategory: match[1] ?? '', associationTypeId: Number(match[2]) };
}

/** The resource of a pair. */
export function toAssociationResource([from, to]: Pair, labels: readonly AssociationLabel[]): Resource {
  const unlabelled = labels.find((label) => !label.label);
  const labelled = labels.filter((label) => Boolean(label.label));
  const [fromName, toName] = [`${from.singular}_id`, `${to.singular}_id`];
  const names = assignNames([
    { id: 'id', candidates: ['id'] },
    { id: 'from', candidates: [fromName] },
    { id: 'to', candidates: [from === to ? `to_${toName}` : toName] },
    ...labelled.map((label) => ({
      id: fieldOf(label),
      candidates: [snakeCase(label.label ?? ''), `label_${snakeCase(label.label ?? '')}`],
    })),
  ]);
  const name = (id: string): string => names.get(id) ?? id;
  const columns: readonly Column[] = [
    {
      name: name('id'),
      field: unlabelled === undefined ? 'id' : fieldOf(unlabelled),
      type: 'text',
      nullable: false,
      insertable: false,
      updatable: false,
      comment: 'The ids of both records',
    },
    { ...plain, name: name('from'), field: 'from', references: [from.path] },
    { ...plain, name: name('to'), field: 'to', references: [to.path] },
    ...labelled.map(
      (label): Column => ({
        name: name(fieldOf(label)),
        field: fieldOf(label),
        type: 'boolean',
        nullable: true,
        insertable: true,
        updatable: false,
        comment: `Label: ${label.label}`,
      }),
    ),
  ];
  return {
    name: `${from.table}_${to.table}`,
    object: `${from.path}/${to.path}`,
    key: name('id'),
    columns,
    writes: { insert: limit, delete: limit },
    pull: { incremental: false, deletions: 'sweep' },
    comment: `Associations of ${from.table} with ${to.table}`,
  };
}
