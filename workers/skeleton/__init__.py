"""Skeletons, clips, characters, and the humanoid roles of their joints.

Conventions, stated once for the whole project:

* Metres, seconds, right-handed, Y up; a canonical character faces +Z, its left is +X.
* Quaternions are xyzw (as in glTF), unit, active: `rotate(q, v)` turns v. `multiply(a, b)` applies b first.
* Local means relative to the parent: `world[j] = world[parent[j]] * local[j]`. Parents come before children.
* Arrays are `(frames, joints, 4)` rotations and `(frames, 3)` translations, float64.
* Names carry units: `_m`, `_s`, `_rad`, `_deg`, `_hz`.
* Roles are the VRM 1.0 humanoid bone names (`hips`, `leftUpperArm`, ...).

Readers bring every file into these conventions: an armature's constant scale is folded into the translations (so no
scale is left inside), a Z-up file is turned at its roots. What is needed to write values back in the file's own space
(`translation_scale`, `file_indices`) travels with the `Skeleton`.
"""
