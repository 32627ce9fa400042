import type { Btf, BtfType } from "../../runtime/btf/index.js";

/** Pointers to pointers deeper than this are cut short. */
const MAX_NESTING = 32;

/** A type as C writes it, for comments: `const volatile struct event *`, `int (*)(...)`. */
export function cType(btf: Btf, id: number): string {
  let declarator = "";
  let qualifiers = "";
  const finish = (base: string): string =>
    `${qualifiers}${base}${/^[*(]/.test(declarator) ? " " : ""}${declarator}`;
  // An array or function that a pointer points to takes the pointer in parentheses.
  const enclose = (): string => (declarator.startsWith("*") ? `(${declarator})` : declarator);
  for (let type: BtfType = btf.type(id), steps = 0; ; steps++) {
    if (steps > MAX_NESTING) return finish("…");
    switch (type.kind) {
      case "const":
      case "volatile":
      case "restrict":
        qualifiers += `${type.kind} `;
        type = btf.type(type.to);
        break;
      case "type_tag":
        type = btf.type(type.to);
        break;
      case "ptr":
        declarator = `*${qualifiers}${declarator}`.replace(/ $/, "");
        qualifiers = "";
        type = btf.type(type.to);
        break;
      case "array":
        declarator = `${enclose()}[${type.length === 0 ? "" : type.length}]`;
        type = btf.type(type.element);
        break;
      case "func_proto":
        declarator = `${enclose()}(${type.params.length === 0 ? "void" : "..."})`;
        type = btf.type(type.returns);
        break;
      case "struct":
      case "union":
      case "enum":
      case "enum64": {
        const keyword = type.kind === "enum64" ? "enum" : type.kind;
        return finish(`${keyword} ${type.name || "{ ... }"}`);
      }
      case "fwd":
        return finish(`${type.union ? "union" : "struct"} ${type.name}`);
      case "void":
        return finish("void");
      default:
        return finish(type.name);
    }
  }
}

/** A type by its own name, or as C writes it when it has none. */
export function typeName(btf: Btf, id: number): string {
  const type = btf.type(id);
  return "name" in type && type.name !== "" ? type.name : cType(btf, id);
}
