// Node 20 lets no worker inherit tsx: this registers it there.
import { register } from "tsx/esm/api";

register();
await import("./exit.ts");
