// Asks for what the library named by LIBBPF_PATH does not have, and prints the error.
import { type BpfError, libbpfVersion } from "../../../runtime/index.js";

try {
  libbpfVersion();
} catch (error) {
  const { code, syscall, message } = error as BpfError;
  console.log(JSON.stringify({ code, syscall, message }));
}
