"""Files are read in a confined child process, and come back as a stored scene.

    sandbox      the parent's side: one warm process, replaced when it dies or has read enough
    process      the handle on that process, and what its death or silence means for a file
    channel      messages with open files between the two
    child        the child's program
    confinement  what the child may do, enforced by the kernel
    landlock     of it, files and signals
    service      what the child does with one request

FBX goes through one more child, below this one (`workers.formats.fbx`).
"""
