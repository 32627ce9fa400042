// Runs in a network namespace of its own.
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { BpfObject, tc, u32, u64, XdpFlags, xdp } from "../../../runtime/index.js";
import { fixture } from "../../fixtures/fixtures.js";

execFileSync("ip", ["link", "set", "lo", "up"]);
const object = BpfObject.open(fixture("parity.bpf.o")).load();
const packets = object.map("packets");
const [by_xdp, by_xdp_too, by_tc, by_tc_too] = ["by_xdp", "by_xdp_too", "by_tc", "by_tc_too"].map((name) =>
  object.program(name),
) as [Program, Program, Program, Program];
type Program = ReturnType<typeof object.program>;
const counts = (): number[] => [0, 1, 2, 3].map((slot) => Number(packets.lookup(u32, u64, slot)));
const socket = createSocket("udp4");

/** Which of the programs see a packet that is sent over the loopback interface. */
async function seen(): Promise<string> {
  const before = counts();
  await new Promise((resolve) => socket.send("x", 9, "127.0.0.1", resolve));
  await new Promise((resolve) => setTimeout(resolve, 20));
  const names = ["xdp", "xdp_too", "tc", "tc_too"];
  return names.filter((_, i) => counts()[i]! > before[i]!).join(" ") || "none";
}
function complain(action: () => unknown): string {
  try {
    return `nothing: ${JSON.stringify(action())}`;
  } catch (error) {
    const { name, code, message } = error as Error & { code?: string };
    return `${name} ${code} ${message}`;
  }
}

if (process.argv[2] === "signal") {
  // By once(), and before anything is attached.
  process.once("SIGINT", () => {
    console.log(`handled: ${xdp.query(1).mode}`);
    object.close();
    console.log(`closed: ${xdp.query(1).mode}`);
    socket.close();
    process.exitCode = 3;
  });
  const waiting = setInterval(() => process.exitCode === 3 && clearInterval(waiting), 10);
  xdp.attach(1, by_xdp, XdpFlags.SKB_MODE);
  console.log("attached");
}

const said: Record<string, unknown> = {};
switch (process.argv[2]) {
  case "xdp": {
    const { SKB_MODE, UPDATE_IF_NOEXIST } = XdpFlags;
    said.none = xdp.query("lo").mode;
    const link = xdp.attach("lo", by_xdp, SKB_MODE);
    said.info = link.info();
    said.state = xdp.query(1);
    said.attached = await seen();
    said.noexist = complain(() => xdp.attach(1, by_xdp_too, SKB_MODE | UPDATE_IF_NOEXIST));
    said.other = complain(() => xdp.detach(1, by_xdp_too, SKB_MODE));
    const second = xdp.attach(1, by_xdp_too, SKB_MODE);
    said.replaced = await seen();
    link.destroy();
    said.stillSecond = await seen();
    xdp.detach("lo", by_xdp_too, SKB_MODE);
    said.detached = await seen();
    second.destroy();
    said.nothingThere = complain(() => xdp.detach(1));
    xdp.attach(1, by_xdp, SKB_MODE);
    object.detach();
    said.byObject = xdp.query(1).mode;
    xdp.attach(1, by_xdp, SKB_MODE).disconnect();
    object.detach();
    said.disconnected = xdp.query(1).mode;
    xdp.detach(1, undefined, SKB_MODE);
    said.wrongKind = complain(() => xdp.attach(1, by_tc));
    said.noDevice = complain(() => xdp.attach("no-such-dev", by_xdp));
    said.noIndex = complain(() => xdp.attach(4711, by_xdp));
    said.badFlags = complain(() => xdp.attach(1, by_xdp, -1));
    xdp.attach(1, by_xdp, SKB_MODE);
    break;
  }
  case "tc": {
    const ingress = { interface: "lo", attachPoint: 1 };
    const both = { ifindex: 1, attachPoint: 3 };
    said.noHook = complain(() => tc.attach(ingress, by_tc));
    said.created = [tc.createHook(ingress), tc.createHook(ingress)];
    const first = tc.attach(ingress, by_tc, { handle: 7, priority: 3 });
    said.first = { handle: first.handle, priority: first.priority, info: first.info() };
    said.exists = complain(() => tc.attach(ingress, by_tc_too, { handle: 7, priority: 3 }));
    const chosen = tc.attach(ingress, by_tc_too);
    said.chosen = chosen.handle > 0 && chosen.priority > 0;
    said.attached = await seen();
    said.query = tc.query(ingress, first)?.programId === first.programId;
    tc.detach(ingress, first);
    said.detached = await seen();
    said.gone = [tc.query(ingress, first), complain(() => tc.detach(ingress, first))];
    tc.attach(ingress, by_tc, { handle: chosen.handle, priority: chosen.priority, replace: true });
    said.replaced = await seen();
    chosen.destroy();
    said.stillReplaced = await seen();
    object.detach();
    said.byObject = await seen();
    tc.attach(ingress, by_tc);
    tc.destroyHook(ingress);
    said.flushed = await seen();
    tc.destroyHook(both);
    said.destroyed = complain(() => tc.destroyHook(both));
    said.parents = complain(() => tc.createHook({ ifindex: 1, attachPoint: 4 }));
    said.wrongKind = complain(() => tc.attach(ingress, by_xdp));
    said.noHandle = complain(() => tc.query(ingress, {} as never));
    said.badPoint = complain(() => tc.createHook({ ifindex: 1 } as never));
    tc.createHook(ingress);
    tc.attach(ingress, by_tc);
    break;
  }
}
if (process.argv[2] !== "signal") {
  socket.close();
  console.log(JSON.stringify(said));
}
// Without close(): what a process leaves when it ends in an ordinary way. A shell in this namespace looks.
