// runtime/ffi/print.ts (npm run test:arm64 runs it): print(level, format, args); of args, 32 bytes, AAPCS64 passes the address
  hint #34
  b start
  .ascii "bpf-tsgen1\0\0"
start:
  stp x29, x30, [sp, #-64]!
  mov x29, sp
  stp x19, x20, [sp, #16]
  stp x21, x22, [sp, #32]
  str x23, [sp, #48]
  mov w19, w0
  mov x20, x1
  mov x21, x2
  adr x22, table
  ldr w0, [x22]         // pthread_getspecific(key)
  ldr x9, [x22, #8]
  blr x9
  cbz x0, done
  ldr w9, [x0, #8]
  cmp w19, w9
  b.hi done
  ldr x23, [x0]
  add w0, w19, #1       // fputc(level + 1, stream)
  mov x1, x23
  ldr x9, [x22, #16]
  blr x9
  mov x0, x23           // vfprintf(stream, format, args)
  mov x1, x20
  mov x2, x21
  ldr x9, [x22, #24]
  blr x9
done:
  mov w0, #0
  ldr x23, [sp, #48]
  ldp x21, x22, [sp, #32]
  ldp x19, x20, [sp, #16]
  ldp x29, x30, [sp], #64
  ret
  .balign 16
table:
