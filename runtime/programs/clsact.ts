import { libc } from "../ffi/native.js";

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2_000_000;
const NETLINK_ROUTE = 0;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const RTM_NEWTFILTER = 44;
const RTM_GETTFILTER = 46;
const NLM_F_REQUEST = 1;
const NLM_F_DUMP = 0x300;
/** `TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)`, and of egress. */
const PARENTS = [0xffff_fff2, 0xffff_fff3];
const HEADER = 16;
const TCMSG = 20;

/** Whether an interface's clsact has no filter in it, of anybody's: false too where the kernel does not say. */
export function clsactIsEmpty(ifindex: number): boolean {
  const socket = libc.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (socket < 0) return false;
  try {
    return PARENTS.every((parent) => isEmpty(socket, ifindex, parent));
  } finally {
    libc.close(socket);
  }
}

/** Asks for the filters of one direction, over rtnetlink(7): libbpf cannot list them. */
function isEmpty(socket: number, ifindex: number, parent: number): boolean {
  const request = new Uint8Array(HEADER + TCMSG);
  const view = new DataView(request.buffer);
  view.setUint32(0, request.length, true);
  view.setUint16(4, RTM_GETTFILTER, true);
  view.setUint16(6, NLM_F_REQUEST | NLM_F_DUMP, true);
  view.setInt32(HEADER + 4, ifindex, true);
  view.setUint32(HEADER + 12, parent, true);
  if (libc.send(socket, request, request.length, 0) !== request.length) return false;
  const answer = new Uint8Array(65_536);
  const said = new DataView(answer.buffer);
  let empty = true;
  for (;;) {
    const length = libc.recv(socket, answer, answer.length, 0);
    if (length < HEADER) return false;
    for (let at = 0; at + HEADER <= length; ) {
      const size = said.getUint32(at, true);
      const type = said.getUint16(at + 4, true);
      if (size < HEADER || type === NLMSG_ERROR) return false;
      if (type === NLMSG_DONE) return empty;
      if (type === RTM_NEWTFILTER) empty = false;
      at += (size + 3) & ~3;
    }
  }
}
