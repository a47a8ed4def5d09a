"""Sample characters and clips that the project makes itself, for the demo and for tests without other data.

    shape    how a body is built: its measures and joints
    surface  closed, rounded surfaces to build it from
    body     its joints and its skinned surface in T pose
    rig      the same body in other rest poses, axes, units and names
    poses    posing it
    curves   smooth curves through keys
    clips    the five clips
    bvh      BVH text of a clip
    glb      GLB files of characters
    write    the sample folder

Everything is computed, deterministic to the byte, and in the conventions of `workers.skeleton`.
"""
