"""Sample characters and clips that the project makes itself, for the demo and for tests without other data.

`shape` says how a body is built, `body` makes its joints and its skinned surface in T pose, `rig` re-exports the same
body in other rest poses, axes, units and names, `poses` and `clips` author motions on it, `glb` writes files.
Everything is computed, deterministic to the byte, and in the conventions of `workers.skeleton`.
"""
