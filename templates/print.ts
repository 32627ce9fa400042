import { CodeBlockWriter, printStructure, type Structures } from "ts-morph";

export { access, comment, doc, key, str } from "./escape.js";

/** Prints a structure in the house's style. */
export function print(structure: Structures): string {
  return printStructure(structure, { indentNumberOfSpaces: 2 });
}

/** Text written by a function, indented by two spaces a level. */
export function write(body: (writer: CodeBlockWriter) => void): string {
  const writer = new CodeBlockWriter({ indentNumberOfSpaces: 2 });
  body(writer);
  return writer.toString();
}

/** `{ a, b }` over several lines, or `{}`. */
export function braces<T>(
  writer: CodeBlockWriter,
  items: readonly T[],
  each: (item: T) => void,
): CodeBlockWriter {
  if (items.length === 0) return writer.write("{}");
  return writer.inlineBlock(() => {
    for (const item of items) each(item);
  });
}

export type { CodeBlockWriter };
