// As worker.mjs, for logging.ts.
import { register } from "tsx/esm/api";

register();
await import("./logging.ts");
