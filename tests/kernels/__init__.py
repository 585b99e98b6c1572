"""A formula over arrays: compilation, files of machine code, threads, and the GPU."""
