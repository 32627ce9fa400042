import { Memory } from "../codec/memory.js";
import { AT, defineFields, type FieldCodec, type FieldTable, fastMembers, MEMORY } from "../codec/view.js";
import { BpfError, stateError } from "../errors.js";
import { check, expectLibbpf, libbpf, systemError, viewNative } from "../ffi/native.js";
import { RawMap } from "../maps/hash.js";
import { BpfMap } from "../maps/map.js";
import { MappedMemory } from "../maps/mapping.js";
import { BPF_F_MMAPABLE } from "../maps/types.js";
import { ARENA_SECTION } from "./arena.js";
import { initialValue } from "./initial-value.js";
import type { NativeObject } from "./native-object.js";

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
  return fastMembers(Object.preventExtensions(variables));
}

/** A live or initial data section: its variables, and what ends them. */
export interface OpenSection {
  readonly variables: object;
  /** @param why what ended it, where that is not close(). */
  close(why?: string): void;
}

/** The variables of a data section as they will be loaded, to be changed; `commit` hands them to libbpf. */
export function initialSection(
  object: NativeObject,
  spec: SectionSpec<unknown>,
): OpenSection & { commit(): void } {
  const where = `${object.name}: ${spec.section}`;
  const { address, size } = initialValue(object.mapPointer(spec.section));
  if (address === 0 && spec.section === ARENA_SECTION) expectLibbpf(where, "1.4");
  if (address === 0) throw stateError(where, "has no initial value — is the map reused?");
  checkSize(object, spec, size);
  // A copy: libbpf moves and protects the original during load().
  const bytes = viewNative(address, size).slice();
  const memory = new Memory(bytes);
  return {
    variables: sectionVariables(spec, memory),
    commit: () => {
      const pointer = object.mapPointer(spec.section);
      const result = libbpf.bpf_map__set_initial_value(pointer, bytes, bytes.length);
      check(where, "bpf_map__set_initial_value", result);
    },
    close: (why) => memory.release(where, why),
  };
}

/** The variables of a loaded data section: mapped where BPF programs may change them, else a frozen copy. */
export function loadedSection(object: NativeObject, spec: SectionSpec<unknown>): OpenSection {
  const where = `${object.name}: ${spec.section}`;
  if (spec.section === ARENA_SECTION) {
    const globals = object.arenaGlobals();
    checkSize(object, spec, globals.length);
    // libbpf has mapped it, and unmaps it when the object is closed.
    const memory = new Memory(globals);
    return { variables: sectionVariables(spec, memory), close: () => memory.release(where) };
  }
  const handle = object.mapHandle(spec.section);
  checkSize(object, spec, handle.valueSize);
  if (isFrozen(spec.section)) {
    // Frozen in the kernel, so a copy is the truth, and nothing native is left to be written to by mistake.
    const map = new RawMap(handle);
    const memory = new Memory(map.get(new Uint8Array(4))!);
    BpfMap.release(map);
    memory.seal(where);
    return { variables: sectionVariables(spec, memory), close: () => memory.release(where) };
  }
  if (!(handle.flags & BPF_F_MMAPABLE)) throw systemError(where, "mmap", 95, { code: "EOPNOTSUPP" });
  const mapped = new MappedMemory(where, handle.fd, handle.valueSize);
  return { variables: sectionVariables(spec, mapped.memory), close: () => mapped.close() };
}

function checkSize(object: NativeObject, spec: SectionSpec<unknown>, size: number): void {
  if (size >= spec.size) return;
  throw new BpfError(
    `${object.name}: ${spec.section} has ${size} bytes, not ${spec.size} — regenerate the skeleton from this object`,
    { code: "ERR_BPF_LAYOUT" },
  );
}
