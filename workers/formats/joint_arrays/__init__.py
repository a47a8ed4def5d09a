"""Motions given as joint places, in an `.npy`: HumanML3D's joints and its 263 numbers a frame.

    read      an npy to a Scene
    features  HumanML3D's 263 numbers to joint places
    pose_fit  joint places to a skeleton and its rotations

Which joint is which is `workers.formats.smpl.joints`.
"""
