"""Planted feet held on the ground by inverse kinematics.

    foot_lock     the source's contacts held on the target
    foot_path     where one foot belongs along the ground
    foot_heights  at which heights
    stride        steps set down within the leg's reach
    hips_shift    the body moved a little, so that legs reach
    seat_shift    the body on the floor that it sits or lies on
    swing         swinging feet kept above the ground
    legs          which joints each part of a leg carries along
    ik            two bones by the law of cosines

When feet are planted is found by `workers.motion.contacts`.
"""
