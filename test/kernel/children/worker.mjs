import { workerData } from "node:worker_threads";
// Node 20 lets no worker inherit tsx: this registers it there.
import { register } from "tsx/esm/api";

register();
await import(`./${workerData}.ts`);
