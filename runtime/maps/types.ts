/** `BPF_F_MMAPABLE`: the values of an array can be mapped into this process. */
export const BPF_F_MMAPABLE = 0x400;
