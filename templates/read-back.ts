import { ts } from "ts-morph";
import {
  functionMember,
  inOrder,
  type MapSurface,
  type MemberSurface,
  type ProgramSurface,
  placed,
  type SectionSurface,
  type Surface,
  sizesOf,
  storageOf,
  type TypeSurface,
} from "./surface.js";

/**
 * Reads back what a skeleton says: the inverse of skeleton.ts, for telling what has changed since it was written.
 * Undefined for a text that is no skeleton, or one of a form that this generator does not write.
 */
export function readBack(text: string): Surface | undefined {
  const file = ts.createSourceFile("skeleton.ts", text, ts.ScriptTarget.ES2022);
  const reader = new Reader(file);
  try {
    return reader.surface();
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    throw error;
  }
}

/** A form that this generator does not write. */
class Unreadable extends Error {}

type Members = ts.NodeArray<ts.TypeElement>;

class Reader {
  readonly #file: ts.SourceFile;
  /** The shapes of types and of the skeleton, by name. */
  readonly #shapes = new Map<string, ts.InterfaceDeclaration | ts.TypeAliasDeclaration>();
  /** Consts, by name. */
  readonly #values = new Map<string, ts.Expression>();
  readonly #sizes = new Map<string, number>();

  constructor(file: ts.SourceFile) {
    this.#file = file;
    for (const statement of file.statements) {
      if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement))
        this.#shapes.set(statement.name.text, statement);
      if (!ts.isVariableStatement(statement)) continue;
      for (const { name, initializer } of statement.declarationList.declarations)
        if (ts.isIdentifier(name) && initializer) this.#values.set(name.text, initializer);
    }
  }

  surface(): Surface {
    let surface: Surface = { name: "", programs: [], maps: [], globals: [], types: [] };
    const types: TypeSurface[] = [];
    for (const [name, value] of this.#values) {
      const shape = this.#shapes.get(name);
      if (!shape) continue;
      if (ts.isAsExpression(value)) types.push(this.#enum(name, shape, object(value.expression)));
      else if (!ts.isCallExpression(value)) throw new Unreadable();
      else if (/^bpf\.skeleton\b/.test(this.#text(value))) surface = this.#skeleton(name, shape, value);
      else types.push(this.#type(name, shape, value));
    }
    return { ...surface, types };
  }

  #text(node: ts.Node): string {
    return node.getText(this.#file);
  }

  /** The text of the doc comment before a node, as it was before it was escaped. */
  #doc(node: ts.Node): string {
    const ranges = ts.getLeadingCommentRanges(this.#file.text, node.pos) ?? [];
    const last = ranges.at(-1);
    const comment = last ? this.#file.text.slice(last.pos, last.end) : "";
    return comment.replace(/^\/\*\*\s*|\s*\*\/$/g, "").replaceAll("*\\/", "*/");
  }

  #enum(name: string, shape: ts.Node, values: ts.ObjectLiteralExpression): TypeSurface {
    const [, c = "", size = "0"] = /^`(.*)`, a `__[us](\d+)`\.$/s.exec(this.#doc(shape)) ?? [];
    return {
      kind: "enum",
      name,
      c,
      size: Number(size) / 8,
      values: properties(values).map(([key, value]) => ({
        name: key,
        value: this.#text(value).replace(/n$/, ""),
      })),
    };
  }

  #type(
    name: string,
    shape: ts.InterfaceDeclaration | ts.TypeAliasDeclaration,
    call: ts.CallExpression,
  ): TypeSurface {
    const kind = this.#text(call).startsWith("bpf.union") ? "union" : "struct";
    const parts = new Map(properties(object(call.arguments[0])));
    const size = Number(this.#text(required(parts.get("size"))));
    const fields = object(parts.get("fields"));
    this.#sizes.set(name, size);
    const c = string(parts.get("name"));
    if (ts.isTypeAliasDeclaration(shape)) {
      const literal = (shape.type as ts.TypeReferenceNode).typeArguments?.[0];
      return { kind, name, c, size, members: inOrder(this.#members(membersOf(literal), fields, 0)) };
    }
    const unions = parts.get("unions");
    const values = unions && ts.isArrayLiteralExpression(unions) ? unions.elements : [];
    const tuple = shape.heritageClauses?.[0]?.types[0]?.typeArguments?.[0];
    const shapes = tuple && ts.isTupleTypeNode(tuple) ? tuple.elements : [];
    const promoted = shapes.flatMap((part, index) => {
      const of = new Map(properties(object(values[index])));
      const at = Number(this.#text(required(of.get("at"))));
      return this.#members(membersOf(part), object(of.get("fields")), at);
    });
    return {
      kind,
      name,
      c,
      size,
      members: inOrder([...this.#members(shape.members, fields, 0), ...promoted]),
    };
  }

  /** Members: their C types are in the comments of a shape, their places in a table of codecs. */
  #members(
    shape: readonly ts.TypeElement[],
    fields: ts.ObjectLiteralExpression,
    start: number,
  ): MemberSurface[] {
    const table = new Map(properties(fields));
    return shape.flatMap((member): MemberSurface[] => {
      if (ts.isSetAccessorDeclaration(member)) return [];
      const { name, c } = this.#named(member);
      const row = table.get(name);
      const type =
        ts.isPropertySignature(member) || ts.isGetAccessorDeclaration(member) ? member.type : undefined;
      if (!row || !ts.isArrayLiteralExpression(row) || !type) throw new Unreadable();
      const [at, codec] = row.elements;
      const codecText = this.#text(this.#values.get(this.#text(required(codec))) ?? required(codec));
      const isDeclared = this.#shapes.has(this.#text(required(codec)));
      const storage = storageOf(isDeclared ? this.#text(required(codec)) : codecText);
      return [
        {
          name,
          c,
          type: storageOf(this.#text(type)).replace(/^View<(.*)>$/, "$1"),
          ...placed(storage, start + Number(this.#text(required(at))), sizesOf(this.#sizes)),
        },
      ];
    });
  }

  #skeleton(name: string, shape: ts.Node, call: ts.CallExpression): Surface {
    if (!ts.isInterfaceDeclaration(shape)) throw new Unreadable();
    const value = new Map(properties(object(call.arguments[0])));
    const parts = new Map(
      shape.members.map((member) => [
        nameOf(member.name),
        membersOf(ts.isPropertySignature(member) ? member.type : undefined),
      ]),
    );
    const sections = new Map(properties(object(value.get("globals"))));
    const programs = new Map(properties(object(value.get("programs"))));
    const maps = new Map(properties(object(value.get("maps"))));
    return {
      name,
      programs: required(parts.get("programs")).map((member) => this.#program(member, programs)),
      maps: required(parts.get("maps")).map((member) => this.#map(member, maps)),
      globals: required(parts.get("globals")).map((member) => this.#section(member, sections)),
      types: [],
    };
  }

  #program(member: ts.TypeElement, values: ReadonlyMap<string, ts.Expression>): ProgramSurface {
    const name = nameOf(member.name);
    const [, section = ""] = /^`SEC\("(.*)"\)`/s.exec(this.#doc(member)) ?? [];
    const auto = /, true\)$/.test(this.#text(required(values.get(name))));
    return { name, section, class: this.#class(member), auto };
  }

  #map(member: ts.TypeElement, values: ReadonlyMap<string, ts.Expression>): MapSurface {
    const name = nameOf(member.name);
    const call = values.get(name);
    if (!call || !ts.isCallExpression(call)) throw new Unreadable();
    const members = this.#text(call).startsWith("bpf.structOps(") ? this.#shadow(member, call) : undefined;
    const codecs = call.arguments.slice(1).map((codec) => this.#text(codec));
    const said =
      /^`(.*?)`(?:, by `(.*)`| of `(.*)`|, `(.*)` to `(.*)`)?(?:, (\d+) \w+)?\.$/s.exec(this.#doc(member)) ??
      [];
    const [, type = "", only, record, from, to, entries = "0"] = said;
    const key = only ?? from;
    const value = record ?? to;
    return {
      name,
      type,
      class: members ? "StructOps" : this.#class(member),
      ...(key !== undefined && { key }),
      ...(value !== undefined && { value }),
      // The map that a map of maps holds is no codec.
      storage: codecs.filter((codec) => !codec.startsWith("bpf.map(")).map(storageOf),
      maxEntries: Number(entries),
      ...(members && { members }),
    };
  }

  /** What can be set of a struct_ops map: data, and functions. */
  #shadow(member: ts.TypeElement, call: ts.CallExpression): MemberSurface[] {
    const literal = ts.isPropertySignature(member) && member.type && ts.isTypeReferenceNode(member.type);
    const shape = membersOf(literal ? (member.type as ts.TypeReferenceNode).typeArguments?.[0] : undefined);
    const parts = new Map(properties(object(call.arguments[0])));
    const functions = new Map(properties(object(parts.get("functions"))));
    const data = shape.filter((inside) => !functions.has(nameOf(inside.name)));
    return inOrder([
      ...this.#members(data, object(parts.get("fields")), 0),
      ...shape.flatMap((inside): MemberSurface[] => {
        const at = functions.get(nameOf(inside.name));
        return at ? [functionMember({ ...this.#named(inside), at: Number(this.#text(at)) })] : [];
      }),
    ]);
  }

  /** A member's name, and its C type, which its comment says. */
  #named(member: ts.TypeElement): { name: string; c: string } {
    const [, c = ""] = /^`(.*)` at (?:bit )?\d+/s.exec(this.#doc(member)) ?? [];
    return { name: nameOf(member.name), c };
  }

  #class(member: ts.TypeElement): string {
    if (!ts.isPropertySignature(member) || !member.type) throw new Unreadable();
    return storageOf(this.#text(member.type));
  }

  #section(member: ts.TypeElement, values: ReadonlyMap<string, ts.Expression>): SectionSurface {
    const name = nameOf(member.name);
    const call = values.get(name);
    if (!call || !ts.isCallExpression(call) || !ts.isPropertySignature(member)) throw new Unreadable();
    const [section, size, variables] = call.arguments;
    return {
      name,
      section: string(section),
      size: Number(this.#text(required(size))),
      variables: inOrder(this.#members(membersOf(member.type), object(variables), 0)),
    };
  }
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Unreadable();
  return value;
}

function object(node: ts.Node | undefined): ts.ObjectLiteralExpression {
  if (!node || !ts.isObjectLiteralExpression(node)) throw new Unreadable();
  return node;
}

function string(node: ts.Node | undefined): string {
  if (!node || !ts.isStringLiteral(node)) throw new Unreadable();
  return node.text;
}

function properties(literal: ts.ObjectLiteralExpression): [string, ts.Expression][] {
  return literal.properties.flatMap((property): [string, ts.Expression][] =>
    ts.isPropertyAssignment(property) ? [[nameOf(property.name), property.initializer]] : [],
  );
}

/** A member's name, however it is written: `pid`, `"a-b"`, `["__proto__"]`. */
function nameOf(name: ts.PropertyName | undefined): string {
  if (!name) throw new Unreadable();
  if (ts.isComputedPropertyName(name)) return string(name.expression);
  return "text" in name ? name.text : "";
}

function membersOf(type: ts.TypeNode | undefined): Members {
  if (!type || !ts.isTypeLiteralNode(type)) throw new Unreadable();
  return type.members;
}
