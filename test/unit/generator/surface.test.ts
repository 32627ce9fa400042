import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { changes } from "../../../generator/compare/changes.js";
import { GenerateError, type GenerateOptions, version } from "../../../generator/index.js";
import { inspectModel } from "../../../generator/inspect.js";
import { buildModel, buildTypes } from "../../../generator/model/build.js";
import { reportChanges } from "../../../generator/report/changes.js";
import { reportInspection } from "../../../generator/report/inspection.js";
import { plain } from "../../../generator/report/style.js";
import { comment } from "../../../templates/escape.js";
import { readBack } from "../../../templates/read-back.js";
import { renderSkeleton, renderTypesOnly } from "../../../templates/skeleton.js";
import { type Surface, surfaceOf } from "../../../templates/surface.js";
import { fixture } from "../../fixtures/fixtures.js";
import { hotspots, mutated, randomBelow } from "../../mutate.js";

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

it("mutated objects are read back, compared and shown like others", () => {
  const below = randomBelow(20_261_124);
  const originals = ["types", "hostile", "kinds"].map((name) => {
    const bytes = fixture(`${name}.bpf.o`);
    return { bytes, ranges: hotspots(bytes) };
  });
  let last: Surface | undefined;
  let accepted = 0;
  for (let round = 0; round < 600; round++) {
    const { bytes, ranges } = originals[below(originals.length)]!;
    const options = { file: "o.bpf.o", embed: "none" } as const;
    let model: ReturnType<typeof buildModel>;
    try {
      model = buildModel(mutated(bytes, ranges, below), options, version);
    } catch (error) {
      if (!(error instanceof GenerateError)) throw new Error(`round ${round}`, { cause: error });
      continue;
    }
    accepted++;
    const surface = surfaceOf(model);
    expect(readBack(renderSkeleton(model)), `round ${round}`).toEqual(commented(surface));
    expect(changes(surface, surface), `round ${round}`).toEqual([]);
    const report = reportChanges(changes(last ?? surface, surface), plain);
    const shown = reportInspection(inspectModel(model), plain);
    for (const line of `${report}${shown}`.split("\n")) expect(line).not.toMatch(/\p{Cc}/u);
    last = surface;
  }
  expect(accepted).toBeGreaterThan(60);
}, 120_000);
