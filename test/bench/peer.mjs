// The works that npm `bpf` can do at all, as its users do them: maps, and nothing else. `peer.mjs MODULE WORK`.
import { writeSync } from "node:fs";
import { createRequire } from "node:module";
import { argv } from "node:process";

const { ConvMap, createMap, MapType } = createRequire(argv[2])("bpf");
const ENTRIES = 100_000;
let sink = 0;

// As in ours.ts.
async function time(count, work) {
  for (const begun = performance.now(); performance.now() < begun + 300; ) work();
  writeSync(1, "{}\n");
  for await (const _ of process.stdin) {
    const start = performance.now();
    work();
    writeSync(1, `{"ns":${((performance.now() - start) * 1e6) / count}}\n`);
  }
}

const key = {
  parse: (bytes) => bytes.readUInt32LE(0),
  format: (bytes, value) => bytes.writeUInt32LE(value, 0),
};
const event = {
  parse(bytes) {
    const end = bytes.indexOf(0, 16);
    return {
      ts: bytes.readBigUInt64LE(0),
      pid: bytes.readUInt32LE(8),
      number: bytes.readUInt32LE(12),
      comm: bytes.toString("latin1", 16, end < 0 ? 32 : Math.min(end, 32)),
    };
  },
  format(bytes, value) {
    bytes.writeBigUInt64LE(value.ts, 0);
    bytes.writeUInt32LE(value.pid, 8);
    bytes.writeUInt32LE(value.number, 12);
    bytes.fill(0, 16, 32);
    bytes.write(value.comm, 16, 16, "latin1");
  },
};

function table() {
  const ref = createMap({ type: MapType.HASH, keySize: 4, valueSize: 32, maxEntries: ENTRIES });
  const map = new ConvMap(ref, key, event);
  for (let pid = 0; pid < ENTRIES; pid++) map.set(pid, { ts: 1n << 40n, pid, number: pid, comm: "node" });
  return map;
}

const works = {
  "hash-get-object": () => {
    const map = table();
    return time(ENTRIES, () => {
      for (let pid = 0; pid < ENTRIES; pid++) sink += map.get(pid).number;
    });
  },
  walk: () => {
    const map = table();
    return time(ENTRIES, () => {
      for (const [, value] of map.entries()) sink += value.number;
    });
  },
};
await works[argv[3]]();
if (Number.isNaN(sink)) throw new Error("read nonsense");
