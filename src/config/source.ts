/** A YAML text as plain values, with the place of every key and the references to the environment filled in. */
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type YAMLMap } from 'yaml';
import { type Environment, expand } from './environment.js';
import type { Problem } from './problem.js';

export type Path = readonly (string | number)[];

export interface Source {
  readonly file: string;
  /** Plain objects, arrays, strings, numbers, booleans and nulls. */
  readonly value: unknown;
  readonly problems: readonly Problem[];
  /** The place of the value at a path, or of the nearest one around it. */
  placeOf(path: Path): { readonly line: number; readonly column: number };
  /** The place of the key that ends a path. */
  placeOfKey(path: Path): { readonly line: number; readonly column: number };
  /** The strings below a path, as they are after the environment is filled in. */
  stringsBelow(path: Path): readonly string[];
}

/** Configurations are small; these bounds keep a hostile or mistaken file from costing more than it should. */
const largestFile = 1024 * 1024;
const mostNodes = 100_000;
const deepest = 40;

/** The parser's own messages may quote the text, and with it a secret: each gets words of its own. */
const syntaxWords: Readonly<Record<string, string>> = {
  BAD_ALIAS: 'a value that begins with * refers to an anchor, and there is none of that name',
  TAG_RESOLVE_FAILED: 'a value that begins with ! is a tag, and there is none of that name',
  DUPLICATE_KEY: 'this key is given twice',
  BAD_INDENT: 'this line is not indented as the ones around it',
  TAB_AS_INDENT: 'this line is indented with a tab',
  MISSING_CHAR: 'a character is missing here: a closing quote, a colon or a bracket',
  BAD_SCALAR_START: 'a value cannot begin with this character',
  UNEXPECTED_TOKEN: 'this does not fit here',
  MULTIPLE_DOCS: 'the file holds more than one document',
};

const syntaxFix = 'indent with spaces, and quote values that hold : # or begin with one of ! * & @ % `';

/** A path as a person writes it. */
export function showPath(path: Path): string {
  return path.map((part, at) => (typeof part === 'number' ? `[${part}]` : at === 0 ? part : `.${part}`)).join('');
}

function keyOf(path: Path): string {
  return JSON.stringify(path);
}

/** Reads the text; never throws. What is wrong is among the problems. */
export function readSource(text: string, file: string, environment: Environment): Source {
  if (Buffer.byteLength(text) > largestFile) {
    return emptySource(file, [{ file, line: 1, column: 1, path: '', message: 'the file is larger than 1 MiB' }]);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, strict: true });
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const syntax = [...document.errors, ...document.warnings].map(
    ({ code, pos }): Problem => ({
      file,
      ...place(pos[0]),
      path: '',
      message: `the YAML cannot be read: ${syntaxWords[code] ?? code.toLowerCase().replaceAll('_', ' ')}`,
      fix: syntaxFix,
    }),
  );
  if (syntax.length > 0) return emptySource(file, syntax);
  const reader = new Reader(file, environment, place, (alias) =>
    isAlias(alias) ? alias.resolve(document) : undefined,
  );
  const value = document.contents === null ? {} : reader.read(document.contents, [], 0);
  return {
    file,
    value,
    problems: reader.problems,
    placeOf: (path) => nearestPlace(reader.values, path),
    placeOfKey: (path) => reader.keys.get(keyOf(path)) ?? nearestPlace(reader.values, path),
    stringsBelow: (path) => stringsIn(valueAt(value, path)),
  };
}

function emptySource(file: string, problems: readonly Problem[]): Source {
  const start = { line: 1, column: 1 };
  return { file, value: {}, problems, placeOf: () => start, placeOfKey: () => start, stringsBelow: () => [] };
}

type Place = { readonly line: number; readonly column: number };

function nearestPlace(places: ReadonlyMap<string, Place>, path: Path): Place {
  for (let length = path.length; length >= 0; length -= 1) {
    const found = places.get(keyOf(path.slice(0, length)));
    if (found !== undefined) return found;
  }
  return { line: 1, column: 1 };
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (at, part) =>
      typeof at === 'object' && at !== null
        ? Object.entries(at).find(([name]) => name === String(part))?.[1]
        : undefined,
    value,
  );
}

function stringsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  if (typeof value === 'number') return [String(value)];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsIn) : [];
}

class Reader {
  readonly problems: Problem[] = [];
  readonly values = new Map<string, Place>();
  readonly keys = new Map<string, Place>();
  readonly #file: string;
  readonly #environment: Environment;
  readonly #place: (offset: number) => Place;
  readonly #resolve: (alias: Node) => unknown;
  #nodes = 0;

  constructor(
    file: string,
    environment: Environment,
    place: (offset: number) => Place,
    resolve: (alias: Node) => unknown,
  ) {
    this.#file = file;
    this.#environment = environment;
    this.#place = place;
    this.#resolve = resolve;
  }

  read(node: unknown, path: Path, depth: number): unknown {
    this.#nodes += 1;
    if (this.#nodes > mostNodes || depth > deepest) {
      if (this.#nodes <= mostNodes + 1) this.#complain(path, 'the file is nested too deeply or is too large');
      return undefined;
    }
    if (isAlias(node)) return this.read(this.#resolve(node), path, depth + 1);
    if (isScalar(node)) {
      this.#note(path, node);
      return typeof node.value === 'string' ? this.#expand(node.value, path) : node.value;
    }
    if (isSeq(node)) {
      this.#note(path, node);
      return node.items.map((item, at) => this.read(item, [...path, at], depth + 1));
    }
    if (isMap(node)) {
      this.#note(path, node);
      return this.#map(node, path, depth);
    }
    return null;
  }

  #map(node: YAMLMap, path: Path, depth: number): unknown {
    const entries = node.items.map(({ key, value }): [string, unknown] => {
      const name = isScalar(key) ? String(key.value) : '';
      const here = [...path, name];
      if (isScalar(key) && key.range) this.keys.set(keyOf(here), this.#place(key.range[0]));
      if (!isScalar(key) || name === '' || name === '__proto__') this.#complain(here, 'this key is not a plain name');
      return [name, this.read(value, here, depth + 1)];
    });
    return Object.fromEntries(entries.filter(([name]) => name !== '__proto__'));
  }

  #note(path: Path, node: Node): void {
    const key = keyOf(path);
    const start = node.range?.[0];
    // A block map begins at its first key; errors about the whole of it are better shown at the key that holds it.
    const ofKey = isScalar(node) ? undefined : this.keys.get(key);
    if (start !== undefined && !this.values.has(key)) this.values.set(key, ofKey ?? this.#place(start));
  }

  #expand(text: string, path: Path): string {
    const { text: expanded, missing, malformed } = expand(text, this.#environment);
    for (const name of missing) {
      this.#complain(path, `environment variable ${name} is not set`, `set it, or give a default: \${${name}:-…}`);
    }
    if (malformed)
      this.#complain(
        path,
        '$ and { begin a reference, and here is none',
        'write NAME} or NAME:-default} after them, or $${ for the plain characters',
      );
    return expanded;
  }

  #complain(path: Path, message: string, fix?: string): void {
    const place = nearestPlace(this.values, path);
    this.problems.push({
      file: this.#file,
      ...place,
      path: showPath(path),
      message,
      ...(fix === undefined ? {} : { fix }),
    });
  }
}
