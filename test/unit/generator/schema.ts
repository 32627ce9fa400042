/** A validator of as much of JSON Schema as schema.json uses; other keywords are a mistake in it. */
export interface Schema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly oneOf?: readonly Schema[];
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: false;
  readonly items?: Schema;
}

const known = new Set(
  (
    "$schema $ref $defs title description oneOf type const enum properties required " +
    "additionalProperties items"
  ).split(" "),
);

/** What is wrong with a value, each with its place. */
export function problems(value: unknown, schema: Schema, root: Schema = schema, at = "$"): string[] {
  for (const keyword of Object.keys(schema))
    if (!known.has(keyword)) throw new Error(`the schema has ${keyword}, which this validator does not know`);
  if (schema.$ref !== undefined) {
    const target = root.$defs?.[schema.$ref.replace("#/$defs/", "")];
    return target ? problems(value, target, root, at) : [`${at}: the schema lacks ${schema.$ref}`];
  }
  if (schema.oneOf) {
    const found = schema.oneOf.map((one) => problems(value, one, root, at));
    const fitting = found.filter((list) => list.length === 0).length;
    return fitting === 1 ? [] : [`${at}: fits ${fitting} of ${found.length}: ${found.flat().join("; ")}`];
  }
  if ("const" in schema && value !== schema.const) return [`${at}: is not ${String(schema.const)}`];
  if (schema.enum && !schema.enum.includes(value)) return [`${at}: is none of ${schema.enum.join(", ")}`];
  if (schema.type !== undefined && !isOf(value, schema.type)) return [`${at}: is no ${schema.type}`];
  if (Array.isArray(value))
    return value.flatMap((item, index) => problems(item, schema.items ?? {}, root, `${at}[${index}]`));
  if (typeof value !== "object" || value === null) return [];
  const { properties = {}, required = [] } = schema;
  return [
    ...required.filter((name) => !(name in value)).map((name) => `${at}.${name}: is missing`),
    ...Object.entries(value).flatMap(([name, inside]) => {
      const of = properties[name];
      if (of) return problems(inside, of, root, `${at}.${name}`);
      return schema.additionalProperties === false ? [`${at}.${name}: is not in the schema`] : [];
    }),
  ];
}

function isOf(value: unknown, type: string): boolean {
  if (type === "array") return Array.isArray(value);
  if (type === "integer") return Number.isInteger(value);
  if (type === "object") return typeof value === "object" && value !== null && !Array.isArray(value);
  return typeof value === type;
}
