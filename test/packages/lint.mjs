// What publint and "are the types wrong" say of a package: `node lint.mjs FOLDER TARBALL` prints it, and fails if it is anything.
import { readFileSync } from "node:fs";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

const [folder, tarball] = process.argv.slice(2);
const manifest = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
const packed = readFileSync(tarball);
const { messages } = await publint({
  strict: true,
  pack: { tarball: Uint8Array.from(packed).buffer },
});
const { types, problems = [] } = await checkPackage(createPackageFromTarballData(packed));
const found = [
  ...messages.map((message) => formatMessage(message, manifest)),
  ...(types ? [] : ["it has no types"]),
  // Who resolves as Node 10 did, or requires, cannot use an ESM package at all.
  ...problems
    .filter(({ resolutionKind }) => resolutionKind !== "node10" && resolutionKind !== "node16-cjs")
    .map((problem) => JSON.stringify(problem)),
];
for (const line of found) console.log(line);
process.exitCode = found.length > 0 ? 1 : 0;
