/** The version of the generator, and of the runtime that its skeletons need. */
export const version: string = "1.0.0";
