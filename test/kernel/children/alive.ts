import { Kernel } from "../../fixtures/kernel.skel.js";
import { only, trigger } from "../child.js";

const kernel = Kernel.attach(only("emit"));
kernel.bss.target = process.pid;
const { records } = kernel.maps;
console.log("ready");

// Everything that makes something happen later is unref'd: it does not keep the process alive by itself.
switch (process.argv[2]) {
  case "waiting": {
    setTimeout(trigger, 200, 1).unref();
    setTimeout(trigger, 400, 1).unref();
    for await (const { seq } of records) {
      console.log(`record ${seq}`);
      if (seq === 1n) break;
    }
    console.log("ended");
    break;
  }
  case "broken":
    trigger(3);
    for await (const _ of records) break;
    trigger(3);
    console.log("done");
    break;
  case "drained":
    trigger(3);
    records.drain(() => undefined);
    trigger(3);
    console.log("done");
    break;
  case "aborted": {
    const signal = AbortSignal.timeout(50);
    const alive = setTimeout(() => undefined, 100);
    for await (const _ of records.records({ signal }));
    clearTimeout(alive);
    console.log("done");
    break;
  }
  case "pending": {
    setTimeout(() => {
      console.log("closing");
      kernel.close();
    }, 300).unref();
    console.log(`ended ${(await records.records().next()).done}`);
    break;
  }
}
