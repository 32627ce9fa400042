// Two network namespaces with a cable between them: `eth0` here, and a machine with many addresses there.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [near, far] = ["bpf-tsgen-near", "bpf-tsgen-far"];
let folder = "";

/** In front of a command: runs it with the network that this machine has, or with this one. */
export const here: readonly string[] = [];
export const inWorld: readonly string[] = ["nsenter", `--net=/run/netns/${near}`];

function must(command: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw error ?? new Error(`${command} ${args.join(" ")}: ${stderr}`);
}

/** What listens there: it answers each connection to ports 80 and 443, and each datagram to port 53. */
const listener = `
const http = require("node:http"), dgram = require("node:dgram");
for (const port of [80, 443])
  http.createServer((_, answer) => answer.end("x".repeat(20000))).listen(port, "::");
const socket = dgram.createSocket("udp6");
socket.on("message", (data, { port, address }) => socket.send(data.toString().repeat(4), port, address));
socket.bind(53, () => console.log("ready"));
`;

/** Makes it, does something in it, and takes it away. */
export async function withWorld(act: () => Promise<void>): Promise<void> {
  const undo = (): void => {
    for (const name of [near, far]) spawnSync("ip", ["netns", "del", name]);
  };
  undo();
  folder = mkdtempSync(join(tmpdir(), "bpf-tsgen-world-"));
  must("ip", "netns", "add", near);
  must("ip", "netns", "add", far);
  must("ip", "-n", near, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", far);
  for (const name of [near, far])
    for (const link of ["lo", "eth0"]) must("ip", "-n", name, "link", "set", link, "up");
  const addresses = { [near]: ["10.0.0.2/24", "2001:db8::2/64"], [far]: ["10.0.0.1/24", "2001:db8::1/64"] };
  for (const address of ["192.0.2.7", "192.0.2.80", "198.51.100.7", "203.0.113.9"])
    addresses[far]!.push(`${address}/32`);
  for (const [name, all] of Object.entries(addresses))
    for (const address of all)
      must(
        "ip",
        "-n",
        name,
        "addr",
        "add",
        address,
        "dev",
        "eth0",
        ...(address.includes(":") ? ["nodad"] : []),
      );
  must("ip", "-n", near, "route", "add", "default", "via", "10.0.0.1");
  const server = spawn("nsenter", [`--net=/run/netns/${far}`, process.execPath, "-e", listener]);
  try {
    await new Promise((resolve) => server.stdout.once("data", resolve));
    await act();
  } finally {
    server.kill();
    undo();
    rmSync(folder, { recursive: true });
  }
}

/** Runs a command of the shell here, whose `/etc/hosts` knows some names; nobody is asked for others. */
export function sh(command: string): void {
  const hosts = join(folder, "hosts");
  const resolv = join(folder, "resolv.conf");
  writeFileSync(hosts, "127.0.0.1 localhost\n192.0.2.80 example.com www.example.com\n10.0.0.1 db.internal\n");
  writeFileSync(resolv, "nameserver 192.0.2.7\noptions timeout:1 attempts:1\n");
  const mounts = `mount --bind ${hosts} /etc/hosts; mount --bind ${resolv} /etc/resolv.conf`;
  spawnSync(inWorld[0]!, [...inWorld.slice(1), "unshare", "-m", "bash", "-c", `${mounts}; ${command}`]);
}

/** Sends datagrams from the far machine: from an address, so many. */
export function datagrams(many: Readonly<Record<string, number>>): void {
  const script = `
const dgram = require("node:dgram");
for (const [address, count] of Object.entries(${JSON.stringify(many)})) {
  const socket = dgram.createSocket("udp4");
  socket.bind(0, address, () => {
    let left = count;
    const next = () => left-- > 0 ? socket.send("x".repeat(40 + (left * 97) % 900), 9, "10.0.0.2", next) : socket.close();
    next();
  });
}`;
  must("nsenter", `--net=/run/netns/${far}`, process.execPath, "-e", script);
}
