/** `BPF_F_SEGV_ON_FAULT`: touching a page of an arena that is not there is a SIGSEGV. */
export const BPF_F_SEGV_ON_FAULT: number = 1 << 17;

/** `BPF_F_MMAPABLE`: the values of an array can be mapped into this process. */
export const BPF_F_MMAPABLE = 0x400;
