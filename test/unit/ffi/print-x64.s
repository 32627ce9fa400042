# runtime/ffi/print.ts: print(level, format, args)
.intel_syntax noprefix
  endbr64
  jmp start
  .ascii "bpf-tsgen1"
start:
  push rbx
  push rbp
  push r12
  push r13
  push r14
  mov ebx, edi
  mov r12, rsi
  mov r13, rdx
  lea r14, [rip + table]
  mov edi, [r14]        # pthread_getspecific(key)
  call [r14 + 8]
  test rax, rax
  jz done
  cmp ebx, [rax + 8]
  ja done
  mov rbp, [rax]
  lea edi, [rbx + 1]    # fputc(level + 1, stream)
  mov rsi, rbp
  call [r14 + 16]
  mov rdi, rbp          # vfprintf(stream, format, args)
  mov rsi, r12
  mov rdx, r13
  call [r14 + 24]
done:
  xor eax, eax
  pop r14
  pop r13
  pop r12
  pop rbp
  pop rbx
  ret
  .balign 16, 0xcc
table:
