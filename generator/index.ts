/**
 * Generates typed TypeScript skeletons from compiled BPF objects, tells what is in an object, and what has changed from
 * one to another. Pure: bytes in, text and data out, on any system.
 * @module
 */
export type {
  EnumeratorSurface,
  MapSurface,
  MemberSurface,
  ProgramSurface,
  SectionSurface,
  TypeSurface,
} from "../templates/surface.js";
export type { Change, ChangeKind } from "./compare/change.js";
export { GenerateError } from "./errors.js";
export { type Generated, type GeneratedTypes, generate, generateTypes } from "./generate.js";
export {
  type Difference,
  diff,
  type Hole,
  type Inspection,
  type InspectOptions,
  inspect,
} from "./inspect.js";
export type { GenerateOptions, TypesOptions } from "./model/options.js";
export { version } from "./version.js";
