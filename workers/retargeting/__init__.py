"""From a source body's motion to a target body's motion, in world space.

    clip         `retarget_clip`: one clip onto one character, in memory
    methods      one row a retargeting method: what a job may name, what `auto` takes, what is available
    retargeter   the protocol of a method
    analytic     the analytic method: rest-aligned transfer of world rotations
    network      the learned method: a residual on the analytic one
    copy_rest    the naive copy that every score stands beside
    alignment    from the target's rest pose to the source's
    family       the pose that two rigs of one family share
    spine        spine and neck chains of other lengths
    fingers      fingers of unlike hands
    twist        roll spread over twist joints
    residual     a small change on top of a motion: which joints, in which axes, and what it moves
    ranges       how far each joint usually goes
    root_motion  where the travel of a clip is kept
    feet         planted feet held on the ground

Files, mapping and scores are left to others, refinement to `workers.refinement`.
"""
