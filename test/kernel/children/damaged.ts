// Opens objects that were cut short or have bytes changed, at places that depend on nothing but their number.
import { BpfError, BpfObject } from "../../../runtime/index.js";
import { fixture } from "../../fixtures/fixtures.js";

const good = fixture("kernel-halves.bpf.o");
let random = 12345;
const next = (below: number): number => {
  random = (Math.imul(random, 1103515245) + 12345) >>> 0;
  return (random >>> 8) % below;
};

let opened = 0;
let refused = 0;
for (let i = 0; i < 600; i++) {
  const bytes = i % 3 === 0 ? good.slice(0, next(good.length)) : good.slice();
  if (i % 3 > 0) for (let n = 0; n < 1 + (i % 5); n++) bytes[64 + next(bytes.length - 64)] = next(256);
  try {
    BpfObject.open(bytes).close();
    opened++;
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    refused++;
  }
}
console.log(JSON.stringify({ opened, refused }));
