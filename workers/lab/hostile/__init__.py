"""Malformed and mutated files, over HTTP and the command line: `retarget evaluate hostile`.

    run        the study: every file, in both roles, by both ways
    files      which files there are
    mutations  seeded damage to good files
    command    the command line in a warm process
    http       a server, and jobs posted to it

What a broken file must end in is the readers' to hold (`workers.formats`).
"""
