"""Skeletons, clips, characters, and the humanoid roles of their joints.

    model             Skeleton, Clip, Mesh and Scene: what every reader returns
    fold_notices      notices that say the same of many things as one with a count
    quat              quaternions in numpy
    quat_torch        quaternions in torch, with gradients
    kinematics        forward kinematics in numpy
    kinematics_torch  forward kinematics in torch, with gradients
    resample          a clip on another time axis
    mapping           which joint plays which role, how surely, and why
    find_roles        finding that
    fingerprint       a name for a skeleton that its files share
    body              a mapped skeleton with its measures
    followers         joints that hold skin, have no role, and go along with one that has
    twins             those in the place of a mapped joint
    loose_parts       those on an armature of their own
    skin_hold         which joints hold skin
    all_fours         animals with a human's joint names
    rest              which pose counts as rest
    soles             where the ground is under a body at rest
    seat              what a body sits and lies on
    finger_chains     the joints of each finger that bend
    additive          a clip as its difference from a pose
    reduce_keys       fewer keys for a clip, within a tolerance
    twist_joints      how far each twist joint turns with its limb
    symmetry          which joint mirrors which, and across which plane

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
