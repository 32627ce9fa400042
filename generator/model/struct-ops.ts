import type { StructOpsVariable } from "../../runtime/btf/index.js";
import type { MapModel, Shadow } from "./model.js";
import type { Types } from "./types.js";

/** Asks for the types of a struct_ops map's members. */
export function reachStructOps(types: Types, { name, type }: StructOpsVariable): void {
  for (const member of types.dataMembers(type)) types.reach(member.type, `${name}_${member.name}`);
}

/** A struct_ops map: what of its struct can be set before it is loaded. */
export function structOpsMap(types: Types, { name, type }: StructOpsVariable): MapModel {
  const shadow: Shadow | undefined = types.shadow(type);
  return {
    name,
    class: "StructOps",
    type: "BPF_MAP_TYPE_STRUCT_OPS",
    types: [],
    ...(shadow && { shadow }),
    c: { value: types.c(type) },
    maxEntries: 0,
  };
}
