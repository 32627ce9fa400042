// Loads one program of `refusals.bpf.c`, which is refused; prints the error, with the beginning and end of its log.
import type { BpfError } from "../../../runtime/index.js";
import { Refusals } from "../../fixtures/refusals.skel.js";

const program = process.argv[2]!;
try {
  Refusals.load(({ programs }) => {
    for (const [each, config] of Object.entries(programs)) config.autoload = each === program;
  });
} catch (error) {
  const { name, message, log = "", ...rest } = error as BpfError;
  const ends = `${log.slice(0, 1000)}\n…\n${log.slice(-1000)}`;
  console.log(JSON.stringify({ ...rest, name, message, log: ends, length: log.length }));
}
