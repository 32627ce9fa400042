import { Kernel } from "../../fixtures/kernel.skel.js";
import { only } from "../child.js";

const kernel = Kernel.attach(only("reflect"));
console.log("loaded");
if (process.argv[2] === "held") {
  setTimeout(() => {
    console.log("closing");
    kernel.close();
  }, 300).unref();
  await kernel.closed;
  console.log("closed");
  await kernel.closed;
  console.log("closed again");
} else {
  // A promise alone keeps no process alive.
  const { maps } = kernel;
  maps.recent.set(1, 1);
}
