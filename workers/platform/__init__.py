"""What the operating system can tell and do about our processes, and what they share.

    cache_folder   what was computed once, by key, in a folder that processes share and in memory
    compiled       functions compiled by numba
    content_key    a key for what values hold
    devices        devices that worker processes are started for
    exhaustion     exceptions that say the machine gave out
    free_memory    how much memory this machine or container still has
    processes      death with the parent, memory limits, memory in use
    side_by_side   two pieces of work on two threads
    threads        how many threads libraries take, and how they wait
    torch_threads  torch on a given number of threads for a while; the only module here that imports torch
    whole_files    files that others see whole or not at all

Starting and stopping processes is left to those who need one.
"""
