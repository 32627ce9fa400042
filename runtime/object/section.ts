import type { Memory } from "../codec/memory.js";
import { AT, defineFields, type FieldCodec, type FieldTable, MEMORY } from "../codec/view.js";

/** What generated code says of a data section: `.bss` and the variables in it. */
export interface SectionSpec<T> {
  /** The ELF section: `.rodata`, `.data.foo`. */
  readonly section: string;
  /** Bytes. */
  readonly size: number;
  /** Offset and codec of each global variable. */
  readonly fields: {
    readonly [K in keyof T]: readonly [at: number, codec: FieldCodec & { view(m: Memory, at: number): T[K] }];
  };
}

/** Says where the variables of a data section lie. */
export function section<T>(name: string, size: number, fields: SectionSpec<T>["fields"]): SectionSpec<T> {
  return { section: name, size, fields };
}

/** Whether the kernel freezes the section when it is loaded. */
export function isFrozen(section: string): boolean {
  return section.startsWith(".rodata") || section === ".kconfig";
}

/** An object with the section's variables as properties, which read and write `memory`. */
export function sectionVariables(spec: SectionSpec<unknown>, memory: Memory): object {
  const variables = Object.create(null, { [MEMORY]: { value: memory }, [AT]: { value: 0 } });
  defineFields(variables, spec.fields as FieldTable);
  return Object.preventExtensions(variables);
}
