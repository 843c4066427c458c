/** The types that Stripe generates from its own description of the API and ships with its SDK, read as text: nothing is checked or run. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import ts from 'typescript';

/** What a type comes to, as far as a column's type depends on it. */
export type Shape = 'text' | 'number' | 'decimal' | 'boolean' | 'texts' | 'object';

export interface Member {
  readonly optional: boolean;
  readonly nullable: boolean;
  readonly shape: Shape;
  /** The texts that it can be, where they are listed. */
  readonly choices: readonly string[];
  /** Of an object whose members are known. */
  readonly members: Members;
}

export type Members = ReadonlyMap<string, Member>;

type Declaration = ts.InterfaceDeclaration | ts.TypeAliasDeclaration;

const entry = createRequire(import.meta.url).resolve('stripe');
const folder = path.join(path.dirname(entry), '..', 'esm');

/** The declarations of a file by their full names, such as `Customer.InvoiceSettings`. */
function declarationsIn(file: string): ReadonlyMap<string, Declaration> {
  const text = readFileSync(path.join(folder, file), 'utf8');
  const found = new Map<string, Declaration>();
  const visit = (node: ts.Node, within: string): void => {
    if (ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) found.set(within + node.name.text, node);
    if (ts.isModuleDeclaration(node) && node.body !== undefined) {
      ts.forEachChild(node.body, (child) => visit(child, `${within}${node.name.text}.`));
    }
  };
  ts.forEachChild(ts.createSourceFile(file, text, ts.ScriptTarget.Latest), (node) => visit(node, ''));
  return found;
}

const shared = declarationsIn('shared.d.ts');

interface Flat {
  readonly shapes: Set<Shape>;
  readonly choices: Set<string>;
  nullable: boolean;
  members: Members;
}

function nameOf(node: ts.EntityName): string {
  return ts.isIdentifier(node) ? node.text : `${nameOf(node.left)}.${node.right.text}`;
}

/** The types of one resource's file. */
export class SdkTypes {
  readonly #own: ReadonlyMap<string, Declaration>;
  readonly #read = new Map<string, Members>();
  readonly methods: ReadonlySet<string>;

  /** `name` is the file's: `Customers`. */
  constructor(name: string) {
    const file = `resources/${name}.d.ts`;
    this.#own = declarationsIn(file);
    const text = readFileSync(path.join(folder, file), 'utf8');
    this.methods = new Set([...text.matchAll(/^ {4}(\w+)\(/gm)].map((match) => match[1] ?? ''));
  }

  /** The full name of what a name stands for in the namespace `within`, innermost first. */
  #resolve(name: string, within: string): string {
    const parts = within.split('.');
    for (let depth = parts.length; depth > 0; depth -= 1) {
      const full = `${parts.slice(0, depth).join('.')}.${name}`;
      if (this.#own.has(full)) return full;
    }
    return name;
  }

  #declaration(name: string): Declaration | undefined {
    return this.#own.get(name) ?? shared.get(name);
  }

  /** The members of an interface; empty where there is none of that name. */
  members(name: string): Members {
    const known = this.#read.get(name);
    if (known !== undefined) return known;
    const found = new Map<string, Member>();
    // An interface that holds itself ends here.
    this.#read.set(name, found);
    const declaration = this.#declaration(name);
    if (declaration === undefined || !ts.isInterfaceDeclaration(declaration)) return found;
    for (const clause of declaration.heritageClauses ?? []) {
      for (const { expression } of clause.types) {
        if (ts.isIdentifier(expression))
          for (const [key, value] of this.members(expression.text)) found.set(key, value);
      }
    }
    for (const member of declaration.members) {
      if (!ts.isPropertySignature(member) || member.type === undefined || !ts.isIdentifier(member.name)) continue;
      const flat: Flat = { shapes: new Set(), choices: new Set(), nullable: false, members: new Map() };
      this.#flatten(member.type, flat, name);
      found.set(member.name.text, {
        optional: member.questionToken !== undefined,
        nullable: flat.nullable,
        shape: shapeOf(flat.shapes),
        choices: [...flat.choices].filter((choice) => choice !== ''),
        members: flat.members,
      });
    }
    return found;
  }

  /** The texts of a type of its own. */
  choices(name: string): readonly string[] {
    const declaration = this.#declaration(name);
    if (declaration === undefined || !ts.isTypeAliasDeclaration(declaration)) return [];
    const flat: Flat = { shapes: new Set(), choices: new Set(), nullable: false, members: new Map() };
    this.#flatten(declaration.type, flat, name);
    return [...flat.choices];
  }

  /** `within` is what the type is written in. */
  #flatten(type: ts.TypeNode, into: Flat, within: string): void {
    if (ts.isUnionTypeNode(type)) {
      for (const part of type.types) this.#flatten(part, into, within);
    } else if (ts.isParenthesizedTypeNode(type)) {
      this.#flatten(type.type, into, within);
    } else if (ts.isLiteralTypeNode(type)) {
      if (type.literal.kind === ts.SyntaxKind.NullKeyword) into.nullable = true;
      else if (ts.isStringLiteral(type.literal)) {
        into.shapes.add('text');
        into.choices.add(type.literal.text);
      }
    } else if (ts.isTypeReferenceNode(type)) {
      this.#reference(type, into, within);
    } else if (ts.isArrayTypeNode(type) || ts.isTypeLiteralNode(type)) {
      into.shapes.add('object');
    } else if (type.kind === ts.SyntaxKind.StringKeyword) into.shapes.add('text');
    else if (type.kind === ts.SyntaxKind.NumberKeyword) into.shapes.add('number');
    else if (type.kind === ts.SyntaxKind.BooleanKeyword) into.shapes.add('boolean');
  }

  #reference(type: ts.TypeReferenceNode, into: Flat, within: string): void {
    const name = this.#resolve(nameOf(type.typeName), within);
    const [argument] = type.typeArguments ?? [];
    if (name === 'Emptyable' && argument !== undefined) {
      into.nullable = true;
      this.#flatten(argument, into, within);
    } else if (name === 'Array' && argument !== undefined) {
      const item: Flat = { shapes: new Set(), choices: new Set(), nullable: false, members: new Map() };
      this.#flatten(argument, item, within);
      // Objects of another resource's file have ids of their own, by which they are listed.
      const isForeign =
        ts.isTypeReferenceNode(argument) &&
        this.#declaration(this.#resolve(nameOf(argument.typeName), within)) === undefined;
      into.shapes.add(item.shapes.has('text') || isForeign ? 'texts' : 'object');
    } else if (name === 'Decimal') into.shapes.add('decimal');
    else if (name === 'OtherString') into.shapes.add('text');
    else {
      const declaration = this.#declaration(name);
      if (declaration !== undefined && ts.isTypeAliasDeclaration(declaration))
        this.#flatten(declaration.type, into, name);
      else {
        into.shapes.add('object');
        into.members = this.members(name);
      }
    }
  }
}

/** An id or the object that it is of is an id. */
function shapeOf(shapes: ReadonlySet<Shape>): Shape {
  for (const shape of ['text', 'texts', 'decimal', 'number', 'boolean'] as const) if (shapes.has(shape)) return shape;
  return 'object';
}
