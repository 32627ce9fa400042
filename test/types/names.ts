/** Every name of the runtime that templates may use is an export of `bpf-tsgen-runtime/codegen`. */
import type * as codegen from "../../runtime/codegen.js";
import type { RuntimeName } from "../../templates/runtime.js";

/** Exports that are types only, which `keyof typeof` does not see: each line compiles only while there is such a type. */
interface Types {
  ArrayView: codegen.ArrayView<unknown>;
  Codec: codegen.Codec<unknown>;
  Events: codegen.Events<object>;
  Input: codegen.Input<unknown>;
  Skeleton: codegen.Skeleton<{ programs: object; maps: object; globals: object }>;
  SkeletonOptionsWithObject: codegen.SkeletonOptionsWithObject;
  StructOpsFunction: codegen.StructOpsFunction;
  Union: codegen.Union<object>;
  Unions: codegen.Unions<[]>;
  View: codegen.View<unknown>;
  WithContext: codegen.WithContext<unknown>;
}

type Missing = Exclude<RuntimeName, keyof typeof codegen | keyof Types>;

/** Not `true` but the names that are missing, if there are any. */
export const nothingIsMissing: [Missing] extends [never] ? true : Missing = true;
