"""USD in: skeletal animation (UsdSkel), read by `usd-core` in a child process, as FBX is.

    read     a USD file to a Scene; in our process
    child    the child's program
    layer    one file as a stage that reaches for no other; child only
    skel     skeleton and animations of a stage as plain nodes and takes; child only

A GLB comes back, and `workers.formats.gltf` reads that. Surfaces are not read: a USD is a motion here.
"""
