import { ensureMounts, ensurePackages, obstacles } from "./machine.js";

/** Before all tests: gets the machine ready, and says what will be skipped and why. */
export default function setup(): void {
  const missing = ensurePackages(["libbpf1", "clang", "libbpf-dev", "bpftool", "iproute2", "make", "git"]);
  ensureMounts();
  for (const name of missing)
    console.log(`${name} is missing and cannot be installed here: apt-get install ${name}`);
  for (const what of obstacles()) console.log(`Kernel tests are skipped: ${what}`);
}
