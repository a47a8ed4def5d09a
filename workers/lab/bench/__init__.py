"""Speed and memory, behind `retarget bench`.

    speed         the default bench: all of the next seven, printed as one table
    jobs          whole jobs: default and without scores, cold and warm, short and long
    motions       motions of any length, each unlike every other
    job_process   jobs timed in processes of their own, of this checkout or another
    job_child     what runs in such a process
    service       jobs a second through gateway, Redis and worker
    batches       cheap jobs posted as batches, and what each leaves behind
    overhead      what the service adds to a job, and what its gateway costs
    process_tree  processor time of a process and of all that came from it
    three         three.js on the same files
    compare       `retarget bench compare`: ours beside others, every result scored alike
    compare_picture  its figures as bars
    opponents     those others, and how they are run
    blender       Blender on the same files
    blender_retarget  what Blender's own Python runs
    another_program  a program that is not ours, and its memory
    peak          the memory of one of our own ways
    engine        retargeting alone beside the naive copy; start-up; the gateway
    device        all figures of a device beside the CPU's, copies between them counted
    rendering     pictures: skinning, forward, backward, encoder
    refinement    refinement by length of clip
    blip          a full-size BLIP with random weights
    parts         single steps beside a plain way of doing the same
    files         the files that are measured on

Tests hold results to be right; how fast they come is measured here.
"""
