import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { type Child, describeKernel, type Ended, kernelIds, run, start, stillThere } from "./kernel.js";

/** Each sample is run as a user would, and ended by Ctrl-C. */
const file = (name: string): string => `../../../samples/${name}/${name}`;
const kprobes = existsSync("/sys/bus/event_source/devices/kprobe");

/** In a network namespace of its own, with a loopback interface. */
const namespace = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"];

/** Waits until a sample has printed `ready`, has `act` done, waits for `expected`, and ends the sample by Ctrl-C. */
async function use(
  child: Child,
  ready: string,
  act: (pid: number) => void,
  expected: string | RegExp,
): Promise<Ended> {
  await child.says(ready);
  const { pid } = child.process;
  const ids = kernelIds(pid!);
  // Old kernels have no link for some of what is attached.
  expect(ids.some((id) => id.startsWith("prog"))).toBe(true);
  expect(stillThere(ids)).toEqual(ids);
  act(pid!);
  await child.says(expected);
  child.process.kill("SIGINT");
  const ended = await child.ended;
  expect({ code: ended.code, signal: ended.signal, err: ended.err }).toEqual({
    code: 0,
    signal: null,
    err: "",
  });
  // The kernel frees behind the back of close(2).
  await expect.poll(() => stillThere(ids), { timeout: 5_000 }).toEqual([]);
  return ended;
}

const sh = (command: string): void => void spawnSync("sh", ["-c", command]);
/** Sends datagrams over the loopback interface of a process's network namespace. */
const send = (pid: number): void =>
  void spawnSync("nsenter", [
    ...["-t", String(pid), "-n", "bash", "-c"],
    "for i in 1 2 3; do echo x > /dev/udp/127.0.0.1/9; done",
  ]);

describeKernel("samples", () => {
  test("minimal", async () => {
    const { out } = await use(
      start(file("minimal")),
      "Attached",
      () => undefined,
      /^..:..:.. {2}[1-9]\d* writes/,
    );
    expect(out).toMatch(/^Detached after [1-9]\d* writes\.$/m);
  });

  test("bootstrap", async () => {
    const { out } = await use(start(file("bootstrap")), "TIME", () => sh("exec /bin/true"), / EXIT {2}true /);
    expect(out).toMatch(/^..:..:.. EXEC {2}true +\d+ +\d+ +\/.*true$/m);
    expect(out).toMatch(/^..:..:.. EXIT {2}true +\d+ +\d+ +\[0\] \(\d+ms\)$/m);
    expect(out).toMatch(/^Detached\. 0 events found the ring buffer full\.$/m);
  });

  test("bootstrap-raw", async () => {
    const { out } = await use(
      start(file("bootstrap-raw")),
      "TIME",
      () => sh("exec /bin/true"),
      / EXIT {2}true /,
    );
    expect(out).toMatch(/^..:..:.. EXEC {2}true +\d+ +\d+ +\/.*true$/m);
    expect(out).toMatch(/^Detaching 2 programs; this process itself was not seen starting\.$/m);
  });

  test("bootstrap-raw, of another object: the programs that are missing are named", async () => {
    const other = fileURLToPath(new URL("../../samples/minimal/minimal.bpf.o", import.meta.url));
    const { code, out, err } = await run(file("bootstrap-raw"), [other]);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toBe('minimal: has no program "handle_exec", "handle_exit" — it has: handle_tp\n');
  });

  test.skipIf(!kprobes)("kprobe (needs a kernel with kprobes)", async () => {
    const folder = mkdtempSync(join(tmpdir(), "bpf-tsgen-unlink-"));
    const path = join(folder, "a-file");
    writeFileSync(path, "");
    const { out } = await use(
      start(file("kprobe")),
      "TIME",
      () => {
        rmSync(path);
        spawnSync("rm", [path]);
      },
      / ENOENT .*a-file$/,
    );
    rmSync(folder, { recursive: true });
    expect(out).toMatch(/^..:..:.. \S+ +\d+ +ok {7}\S*a-file$/m);
    expect(out).toMatch(/^Detached\.$/m);
  });

  test.skipIf(kprobes)("kprobe, where the kernel has none: one line that says so", async () => {
    const { code, out, err } = await run(file("kprobe"));
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(/^kprobe: nothing to attach to: .*or no kprobes .* — .*\n$/);
  });

  test("tc", async () => {
    const child = start(file("tc"), ["lo"], 30_000, namespace);
    const { out } = await use(child, "TIME", send, / in {2}UDP /);
    expect(out).toMatch(/^Attached to lo by (tcx|clsact); /m);
    expect(out).toMatch(/^..:..:.. out UDP {3}127\.0\.0\.1:\d+ +127\.0\.0\.1:9 +30 +64$/m);
    expect(out).toMatch(/^Detached after \d+ packets; 0 more found the ring buffer full\.$/m);
  });

  test("xdp-counter", async () => {
    const child = start(file("xdp-counter"), ["lo"], 30_000, namespace);
    const { out } = await use(child, "lo at ", send, "UDP ");
    expect(out).toMatch(/^UDP +3 +3 +132 {2}[█▏▎▍▌▋▊▉]+ \d+%$/m);
    expect(out).toMatch(/^Detached\.$/m);
  });

  test("execsnoop", async () => {
    const { out } = await use(
      start(file("execsnoop")),
      "TIME",
      () => sh("exec /bin/true 'an argument' 'an\u001b[31mother'"),
      /an argument/,
    );
    // What a terminal would take for orders is not printed.
    expect(out).toMatch(/^..:..:.. \d+ +0 +\S.{15} \/bin\/true an argument an·\[31mother$/m);
    expect(out).toMatch(/^Detached after \d+ starts of \d+ programs; \d+ were missed\.$/m);
  });

  test("runqlat", async () => {
    const { out } = await use(start(file("runqlat")), "Waits for a CPU", () => undefined, /█/);
    expect(out).toMatch(/^ +\d+ (µs|ms|s) … \d+ (µs|ms|s) +[1-9]\d* [█▏▎▍▌▋▊▉]+$/m);
    expect(out).toMatch(/^Detached\.$/m);
  });

  test("profile", async () => {
    const folder = mkdtempSync(join(tmpdir(), "bpf-tsgen-profile-"));
    const svg = join(folder, "profile.svg");
    const busy = (): void => {
      // Half of it in the kernel.
      for (const until = Date.now() + 500; Date.now() < until; ) readFileSync("/proc/self/smaps");
    };
    const { out } = await use(
      start(file("profile"), ["20", svg]),
      "Sampling for 20 seconds",
      busy,
      "Sampling",
    );
    const text = readFileSync(svg, "utf8");
    rmSync(folder, { recursive: true });
    const [, samples, processes] = /^(\d+) samples of (\d+) processes are in /m.exec(out) ?? [];
    expect(Number(samples)).toBeGreaterThan(10);
    expect(Number(processes)).toBeGreaterThan(0);
    expect(text).toMatch(
      /^<svg [^>]*>\n<g [^>]*>\n(<g><title>[^<>]*<\/title><rect [^<>]*\/>(<text [^<>]*>[^<>]*<\/text>)?<\/g>\n)+<\/g><\/svg>\n$/,
    );
    expect(text).toContain(`<title>all: ${samples} of ${samples} samples</title>`);
    expect(text).toMatch(/<title>node: [1-9]/);
    expect(text).toMatch(/<title>\w+ \[k\]: [1-9]/);
  });

  test("firewall", async () => {
    const child = start(file("firewall"), ["lo", "127.0.0.0/8", "10.0.0.0/8"], 30_000, namespace);
    const { out } = await use(child, "Firewall of lo", send, /^127\.0\.0\.0\/8 +[1-9]/);
    expect(out).toMatch(/^127\.0\.0\.0\/8 +3 +132 {2}█+$/m);
    expect(out).toMatch(/^10\.0\.0\.0\/8 +0 +0 +$/m);
    expect(out).toMatch(/^Detached: everything passes again\.$/m);
  });

  test("uprobe", async () => {
    const look = (): void => sh("getent ahosts localhost; getent ahosts no-such-host.invalid");
    const { out } = await use(start(file("uprobe")), "TIME", look, / no-such-host\.invalid$/);
    expect(out).toMatch(
      /^..:..:.. getent +\d+ +\d+\.\d\d (ok|unknown|try again|failed|no address|system|-\d+) +localhost$/m,
    );
    expect(out).toMatch(
      /^..:..:.. getent +\d+ +\d+\.\d\d (unknown|try again|failed|no address|system|-\d+) +no-such-host\.invalid$/m,
    );
  });

  test("tcpconnect", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const connect = (): void =>
      void spawnSync("bash", ["-c", `: < /dev/tcp/127.0.0.1/${port}; : < /dev/tcp/127.0.0.1/1`]);
    const { out } = await use(start(file("tcpconnect")), "TIME", connect, / failed +127\.0\.0\.1:1$/);
    server.close();
    expect(out).toMatch(
      new RegExp(`^..:..:.. bash +\\d+ +\\d+\\.\\d\\d connected 127\\.0\\.0\\.1:${port}$`, "m"),
    );
    expect(out).toMatch(/^Detached after \d+ connections\.$/m);
  });
});
