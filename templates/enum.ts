import type { TypeModel } from "../generator/model/model.js";
import { braces, doc, key, write } from "./print.js";

/**
 * An enum: its values, and a type that offers them and allows any other number.
 *
 * given `enum state { IDLE, RUNNING }` — emits
 * ```ts
 * export type State = (typeof State)[keyof typeof State] | (number & {});
 * export const State = { IDLE: 0, RUNNING: 1 } as const;
 * ```
 */
export function renderEnum({ name, c, codec, values }: TypeModel & { kind: "enum" }): string {
  const wide = codec === "u64" || codec === "s64";
  const base = wide ? "bigint" : "number";
  const seen = new Set<string>();
  const distinct = values.filter((value) => !seen.has(value.name) && seen.add(value.name));
  return write((writer) => {
    writer.writeLine(`/** \`${doc(c)}\`, a \`__${codec}\`. */`);
    const named = distinct.length === 0 ? base : `(typeof ${name})[keyof typeof ${name}] | (${base} & {})`;
    writer.writeLine(`export type ${name} = ${named};`);
    writer.write(`export const ${name} = `);
    braces(writer, distinct, (value) =>
      writer.writeLine(`${key(value.name)}: ${value.value}${wide ? "n" : ""},`),
    );
    writer.write(" as const;").newLine();
  });
}
