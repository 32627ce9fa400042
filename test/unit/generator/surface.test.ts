import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { GenerateError, type GenerateOptions, version } from "../../../generator/index.js";
import { buildModel, buildTypes } from "../../../generator/model/build.js";
import { comment } from "../../../templates/escape.js";
import { readBack } from "../../../templates/read-back.js";
import { renderSkeleton, renderTypesOnly } from "../../../templates/skeleton.js";
import { type Surface, surfaceOf } from "../../../templates/surface.js";

/** What a skeleton says is read back from its text as the model has it: `--check` compares what it says. */
const root = fileURLToPath(new URL("../../..", import.meta.url));
const objects = ["test/fixtures", "samples/minimal", "samples/bootstrap"].flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((file) => file.endsWith(".o"))
    .map((file) => join(folder, file)),
);

/** What a comment cannot say comes back as the mark that stands for it. */
function commented(surface: Surface): Surface {
  const text = JSON.stringify(surface, (key, value) =>
    typeof value === "string" && ["c", "key", "value", "section", "type"].includes(key)
      ? comment(value)
      : value,
  );
  return JSON.parse(text) as Surface;
}

describe.each(objects)("%s", (object) => {
  const bytes = readFileSync(join(root, object));
  const more: Partial<GenerateOptions>[] = [{}, { embed: "url" }, { embed: "none", charArrays: "bytes" }];

  it.each(more)("is read back from its skeleton (%j)", (options) => {
    let model: ReturnType<typeof buildModel>;
    try {
      model = buildModel(bytes, { file: object, ...options }, version);
    } catch (error) {
      expect(error).toBeInstanceOf(GenerateError);
      return;
    }
    const surface = surfaceOf(model);
    expect(readBack(renderSkeleton(model))).toEqual(commented(surface));
    expect(surface.programs.length + surface.maps.length + surface.globals.length).toBeGreaterThan(0);
  });

  it("is read back from its types", () => {
    let model: ReturnType<typeof buildTypes>;
    try {
      model = buildTypes(bytes, { file: object }, version);
    } catch (error) {
      expect(error).toBeInstanceOf(GenerateError);
      return;
    }
    expect(readBack(renderTypesOnly(model))).toEqual(commented(surfaceOf(model)));
  });
});

it.each([
  ["nothing", ""],
  ["another file", "export const a = 1;\nexport interface a { b: string }\n"],
  ["a broken one", "export interface Watch {\n<<<<<<< HEAD\n"],
])("%s is not read back as anything", (_, text) => {
  const surface = readBack(text);
  expect(surface === undefined || surface.name === "").toBe(true);
});
