// Unit tests of the XDP program, in the kernel, without a network: packets made here, run through it by testRun().
import { cidr } from "bpf-tsgen-runtime";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Firewall } from "./firewall.skel.js";

const XDP_DROP = 1;
const XDP_PASS = 2;

/** An Ethernet frame with an IPv4 header, from the given address. */
function packet(source: string, etherType = 0x0800): Uint8Array {
  const frame = new Uint8Array(64);
  const view = new DataView(frame.buffer);
  view.setUint16(12, etherType);
  view.setUint8(14, 0x45);
  frame.set(source.split(".").map(Number), 26);
  return frame;
}

// Root is needed, as for running it.
describe.skipIf(process.geteuid?.() !== 0)("the firewall", () => {
  let firewall: ReturnType<typeof Firewall.load>;
  beforeEach(() => {
    firewall = Firewall.load();
  });
  afterEach(() => firewall.close());
  const run = (data: Uint8Array, repeat = 1): number =>
    firewall.programs.firewall.testRun({ data, repeat }).retval;

  test("lets everything pass without rules", () => {
    expect(run(packet("10.0.0.1"))).toBe(XDP_PASS);
    expect(firewall.bss.passed).toMatchObject({ packets: 1n, bytes: 64n });
  });

  test("drops what comes from a blocked network, and nothing else", () => {
    firewall.maps.blocked.set(cidr("10.1.0.0/16"), { packets: 0n, bytes: 0n });
    expect(run(packet("10.1.2.3"))).toBe(XDP_DROP);
    expect(run(packet("10.2.0.1"))).toBe(XDP_PASS);
    expect(firewall.maps.blocked.get(cidr("10.1.9.9"))).toEqual({ packets: 1n, bytes: 64n });
  });

  test("counts at the longest prefix that matches", () => {
    for (const network of ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32"])
      firewall.maps.blocked.set(cidr(network), { packets: 0n, bytes: 0n });
    run(packet("10.1.2.3"), 1000);
    const counts = [...firewall.maps.blocked].map(([{ length }, { packets }]) => [length, packets]);
    expect(counts.sort()).toEqual([
      [16, 0n],
      [32, 1000n],
      [8, 0n],
    ]);
  });

  test("lets pass what is no IPv4 packet, or too short to be one", () => {
    firewall.maps.blocked.set(cidr("0.0.0.0/0"), { packets: 0n, bytes: 0n });
    expect(run(packet("10.0.0.1", 0x86dd))).toBe(XDP_PASS);
    expect(run(packet("10.0.0.1").subarray(0, 20))).toBe(XDP_PASS);
    expect(run(packet("10.0.0.1"))).toBe(XDP_DROP);
  });
});
