export { Btf, parseBtf } from "./btf.js";
export { firstDifference } from "./difference.js";
export * from "./elf.js";
export { type BtfExt, type CoreRelocation, type FuncInfo, type LineInfo, parseBtfExt } from "./ext.js";
export { fingerprint } from "./fingerprint.js";
export { type DataSection, readSections } from "./globals.js";
export { ByteReader, FormatError, quote, StringTable } from "./reader.js";
export { functionsIn, type StructOpsVariable, structOpsVariables } from "./struct-ops.js";
export type * from "./types.js";
