// Is busy in the way that the first argument says, and ends in the way that the second says.
import { spawn } from "node:child_process";
import cluster from "node:cluster";
import { setLogger, xdp } from "../../../runtime/index.js";
import { Kernel } from "../../fixtures/kernel.skel.js";
import { Refusals } from "../../fixtures/refusals.skel.js";
import { only, trigger } from "../child.js";

const [doing, how, name] = process.argv.slice(2) as [string, string, string];

function end(): void {
  switch (how) {
    case "exit":
      process.exit(7);
      break;
    case "throw":
      throw new Error("uncaught");
    case "reject":
      void Promise.reject(new Error("unhandled"));
      break;
    case "abort":
      process.abort();
      break;
    case "finish":
      // Nothing is closed, and nothing holds the process.
      clearInterval(alive);
      break;
  }
}

const alive = setInterval(() => undefined, 1000);
const signals = how.startsWith("handled") ? (["SIGTERM", "SIGINT"] as const) : [];
let kept: { close(): void } | undefined;
for (const signal of signals)
  process.once(signal, () => {
    console.log(`handled ${signal}`);
    if (how === "handled, and goes on") return;
    kept?.close();
    process.exit(3);
  });

switch (doing) {
  case "attached":
    kept = Kernel.attach(only("reflect"), { name });
    console.log("ready");
    process.stdin.once("data", () => {
      process.stdin.destroy();
      end();
    });
    break;
  case "iterating": {
    const kernel = Kernel.attach(only("emit"), { name });
    kept = kernel;
    kernel.bss.target = process.pid;
    setInterval(trigger, 5, 1).unref();
    let ending = false;
    process.stdin.once("data", () => {
      process.stdin.destroy();
      ending = true;
    });
    let count = 0;
    for await (const _ of kernel.maps.records) {
      if (++count === 10) console.log("ready");
      if (!ending) continue;
      // Inside of the loop, with the record in hand.
      end();
      if (how === "finish") break;
      ending = false;
    }
    break;
  }
  case "netlink": {
    // No link of the kernel's: only the runtime itself can take it away.
    const kernel = Kernel.load(only("by_xdp"), { name });
    kept = kernel;
    xdp.attach("lo", kernel.programs.by_xdp);
    console.log("ready");
    process.stdin.once("data", () => {
      process.stdin.destroy();
      end();
    });
    break;
  }
  case "netlink of two copies": {
    const kernel = Kernel.load(only("by_xdp"), { name });
    xdp.attach("lo", kernel.programs.by_xdp);
    const other = (await import(
      "../../../runtime/dist/index.js"
    )) as unknown as typeof import("../../../runtime/index.js");
    const object = other.BpfObject.open(new URL("../../fixtures/parity.bpf.o", import.meta.url).pathname, {
      name,
    }).load();
    other.tc.createHook({ interface: "lo", attachPoint: 1 });
    other.tc.attach({ interface: "lo", attachPoint: 1 }, object.program("by_tc"));
    console.log("ready");
    process.stdin.once("data", () => {
      process.stdin.destroy();
      end();
    });
    break;
  }
  case "loading": {
    // A signal that nobody handles comes in the middle of what the verifier takes seconds for; the others are heard when
    // a load is done, so those are short, with no turn of the event loop for two seconds.
    const program = how === "signal" ? "too_complex" : "endless_loop";
    const until = Date.now() + 2000;
    let ended = false;
    console.log("ready");
    if (how !== "signal" && signals.length === 0)
      setLogger(() => {
        if (ended || Date.now() < until) return;
        ended = true;
        end();
      });
    while (how !== "finish" || !ended) {
      do {
        try {
          Refusals.load(
            (opened) => {
              for (const [each, config] of Object.entries(opened.programs))
                config.autoload = each === program;
            },
            { name },
          );
        } catch {
          // It is refused, as it should be.
        }
      } while (Date.now() < until);
      await new Promise((resolve) => setImmediate(resolve));
    }
    break;
  }
  case "with a child": {
    Kernel.attach(only("reflect"), { name });
    const child = spawn("sleep", ["20"], { stdio: "ignore", detached: true });
    child.unref();
    console.log(`ready ${child.pid}`);
    break;
  }
  case "cluster":
    if (cluster.isPrimary) {
      Kernel.attach(only("reflect"), { name });
      const workers = [0, 1].map(() => cluster.fork());
      let ready = 0;
      cluster.on("message", () => {
        if (++ready === workers.length) workers[0]!.process.kill("SIGKILL");
      });
      cluster.on("exit", (worker, code, signal) => {
        console.log(`worker ${workers.indexOf(worker)} ${code} ${signal}`);
        if (worker === workers[0]) workers[1]!.send("end");
        else process.exit(0);
      });
    } else {
      const kernel = Kernel.attach(only("emit"), { name });
      process.on("message", () => {
        kernel.close();
        process.exit(5);
      });
      process.send!("ready");
    }
    break;
}
