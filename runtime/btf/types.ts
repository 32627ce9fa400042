/** Type 0, C's `void`. */
export interface BtfVoid {
  readonly kind: "void";
  readonly id: number;
}

/** An integer; `bits` and `bitOffset` differ from the whole `size` only in the legacy encoding of bit-fields. */
export interface BtfInt {
  readonly kind: "int";
  readonly id: number;
  readonly name: string;
  readonly size: number;
  readonly signed: boolean;
  readonly char: boolean;
  readonly bool: boolean;
  readonly bits: number;
  readonly bitOffset: number;
}

/** A pointer. */
export interface BtfPtr {
  readonly kind: "ptr";
  readonly id: number;
  readonly to: number;
}

/** An array; `length` 0 is a flexible one. */
export interface BtfArray {
  readonly kind: "array";
  readonly id: number;
  readonly element: number;
  readonly index: number;
  readonly length: number;
}

/** A field of a struct or union; an anonymous one has the name "". */
export interface BtfMember {
  readonly name: string;
  readonly type: number;
  readonly bitOffset: number;
  /** 0 when it is not a bit-field. */
  readonly bitSize: number;
}

/** A struct or union. Both encodings of bit-fields have become one, and every member lies inside `size`. */
export interface BtfComposite<K extends "struct" | "union" = "struct" | "union"> {
  readonly kind: K;
  readonly id: number;
  readonly name: string;
  readonly size: number;
  readonly members: readonly BtfMember[];
}

/** One name of an enum. */
export interface BtfEnumValue {
  readonly name: string;
  readonly value: bigint;
}

/** An enum; one without values is a forward declaration. */
export interface BtfEnum<K extends "enum" | "enum64" = "enum" | "enum64"> {
  readonly kind: K;
  readonly id: number;
  readonly name: string;
  readonly size: number;
  readonly signed: boolean;
  readonly values: readonly BtfEnumValue[];
}

/** A struct or union that is declared but not defined. */
export interface BtfFwd {
  readonly kind: "fwd";
  readonly id: number;
  readonly name: string;
  readonly union: boolean;
}

/** A typedef. */
export interface BtfTypedef {
  readonly kind: "typedef";
  readonly id: number;
  readonly name: string;
  readonly to: number;
}

/** A type qualifier. */
export interface BtfQualifier<
  K extends "volatile" | "const" | "restrict" = "volatile" | "const" | "restrict",
> {
  readonly kind: K;
  readonly id: number;
  readonly to: number;
}

/** Who sees a function or variable; "extern" is defined elsewhere. */
export type BtfLinkage = "static" | "global" | "extern";

/** A function; `to` is its `func_proto`. */
export interface BtfFunc {
  readonly kind: "func";
  readonly id: number;
  readonly name: string;
  readonly to: number;
  readonly linkage: BtfLinkage;
}

/** A parameter; a last one of type 0 without a name stands for C's `...`. */
export interface BtfParam {
  readonly name: string;
  readonly type: number;
}

/** A function's type. */
export interface BtfFuncProto {
  readonly kind: "func_proto";
  readonly id: number;
  readonly returns: number;
  readonly params: readonly BtfParam[];
}

/** A global variable. */
export interface BtfVar {
  readonly kind: "var";
  readonly id: number;
  readonly name: string;
  readonly to: number;
  readonly linkage: BtfLinkage;
}

/** A variable (or, among externs, a function) of a section; clang leaves `offset` 0, the symbol table has it. */
export interface BtfSectionVar {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
}

/** The variables of a section; clang leaves `size` 0, the section header has it. */
export interface BtfDatasec {
  readonly kind: "datasec";
  readonly id: number;
  readonly name: string;
  readonly size: number;
  readonly vars: readonly BtfSectionVar[];
}

/** A floating-point number. */
export interface BtfFloat {
  readonly kind: "float";
  readonly id: number;
  readonly name: string;
  readonly size: number;
}

/** `__attribute__((btf_decl_tag(name)))` on `to`, or on its member or parameter number `component` unless that is -1. */
export interface BtfDeclTag {
  readonly kind: "decl_tag";
  readonly id: number;
  readonly name: string;
  readonly to: number;
  readonly component: number;
}

/** `__attribute__((btf_type_tag(name)))`. */
export interface BtfTypeTag {
  readonly kind: "type_tag";
  readonly id: number;
  readonly name: string;
  readonly to: number;
}

/** Any BTF type; numbers that stand for a type are ids, which index `Btf.types`. */
export type BtfType =
  | BtfVoid
  | BtfInt
  | BtfPtr
  | BtfArray
  | BtfComposite<"struct">
  | BtfComposite<"union">
  | BtfEnum<"enum">
  | BtfEnum<"enum64">
  | BtfFwd
  | BtfTypedef
  | BtfQualifier<"volatile">
  | BtfQualifier<"const">
  | BtfQualifier<"restrict">
  | BtfFunc
  | BtfFuncProto
  | BtfVar
  | BtfDatasec
  | BtfFloat
  | BtfDeclTag
  | BtfTypeTag;

/** The kinds of BTF types. */
export type BtfKind = BtfType["kind"];

/** The type of one kind. */
export type BtfOfKind<K extends BtfKind> = Extract<BtfType, { readonly kind: K }>;

/** The kinds that have a name. */
export type BtfNamedKind = Extract<BtfType, { readonly name: string }>["kind"];
