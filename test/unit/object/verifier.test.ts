import { expect, test } from "vitest";
import { readLog } from "../../../runtime/object/verifier.js";

/** Logs in the shapes of several kernels. */
const logs: readonly (readonly [what: string, log: string, wanted: object])[] = [
  [
    "5.10: source without places, state after each instruction",
    `Unrecognized arg#0 type PTR
; int null_pointer(void *ctx)
0: (b7) r1 = 1
; __u32 key = 1;
1: (63) *(u32 *)(r10 -4) = r1
last_idx 1 first_idx 0
regs=2 stack=0 before 0: (b7) r1 = 1
4: (18) r1 = 0xffff8881003e2c00
6: (85) call bpf_map_lookup_elem#1
7: R0_w=map_value_or_null(id=1,off=0,ks=4,vs=8,imm=0) R10=fp0 fp-8=mmmm????
; return found->b;
7: (61) r0 = *(u32 *)(r0 +4)
R0 invalid mem access 'map_value_or_null'
processed 7 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`,
    {
      reason: "R0 invalid mem access 'map_value_or_null'",
      advice: expect.stringContaining("NULL"),
      instruction: 7,
      steps: [
        expect.stringMatching(/^4: /),
        expect.stringMatching(/^6: /),
        expect.stringMatching(/^7: \(61/),
      ],
    },
  ],
  [
    "6.x: two lines of reason, the first says more",
    `0: R1=ctx() R10=fp0
1: (71) r0 = *(u8 *)(r1 +3)
invalid access to packet, off=3 size=1, R1(id=0,off=3,r=0)
R1 offset is outside of the packet
processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`,
    { reason: "invalid access to packet, off=3 size=1, R1(id=0,off=3,r=0)", instruction: 1 },
  ],
  [
    "7.3: a report with headings behind the reason",
    `0: R1=ctx() R10=fp0
0: (95) exit
R0 !read_ok

Verification failed: Register Type Safety: Unreadable register

Reason:
  R0 has never been initialized on this path, so the verifier cannot use it as an input.

At:
  insn 0
        | ^-- error: R0 is not readable
  Instruction context:
  >>> 0 | (95) exit

Causal path:
  no retained diagnostic events on this path

Suggestion:
  Initialize R0 on every path before this instruction.

processed 1 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`,
    {
      reason:
        "R0 !read_ok: R0 has never been initialized on this path, so the verifier cannot use it as an input.",
      advice: "Initialize R0 on every path before this instruction.",
      instruction: 0,
      steps: ["0: (95) exit"],
    },
  ],
  [
    "7.3: nothing but the report",
    "Verification failed: Control Flow: Unreachable\n\nReason:\n  insn 4 cannot be reached.\n\nAt:\n  insn 4\n\nprocessed 0 insns\n",
    { reason: "insn 4 cannot be reached.", instruction: 4, steps: [] },
  ],
  [
    "no instruction at all: the reason names it",
    "unreachable insn 5\nprocessed 0 insns (limit 1000000)\n",
    { reason: "unreachable insn 5", instruction: 5, steps: [] },
  ],
  [
    "a back edge, before bounded loops were traced",
    "back-edge from insn 9 to 3\n",
    { reason: "back-edge from insn 9 to 3", instruction: 9, advice: expect.stringContaining("loop") },
  ],
  [
    "the whole program is to blame: its first line",
    "0: (b7) r0 = 0\n1: (95) exit\ncombined stack size of 2 calls is 832. Too large\nprocessed 2 insns\n",
    { reason: "combined stack size of 2 calls is 832. Too large", instruction: 0 },
  ],
  [
    "a reference that is not released: where it was taken",
    "4: (85) call bpf_ringbuf_reserve#131\n9: (95) exit\nUnreleased reference id=2 alloc_insn=4\nprocessed 9 insns\n",
    { reason: "Unreleased reference id=2 alloc_insn=4", instruction: 9, origin: 4 },
  ],
  [
    "what libbpf could not resolve",
    "0: (85) call bpf_get_current_task#35\n1: <invalid CO-RE relocation>\nfailed to resolve CO-RE relocation <byte_off> [9] struct task_struct.gone (0:1 @ offset 4)\nprocessed 2 insns\n",
    { instruction: 1, advice: expect.stringContaining("bpf_core_field_exists") },
  ],
  [
    "an empty log",
    "",
    { reason: "it does not say why", instruction: undefined, advice: undefined, steps: [] },
  ],
];

test.each(logs)("%s", (_, log, wanted) => {
  expect(readLog(log)).toMatchObject(wanted);
});

test("a log of a million lines is read in a moment", () => {
  const log = `${"12: (07) r1 += 1 ; R1=scalar()\n; line of C @ file.c:3\n".repeat(500_000)}R1 !read_ok\n`;
  const started = performance.now();
  expect(readLog(log)).toMatchObject({ reason: "R1 !read_ok", instruction: 12 });
  expect(performance.now() - started).toBeLessThan(5000);
});
