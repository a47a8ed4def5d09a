"""SMPL, SMPL-H and SMPL-X motions in, as AMASS and motion generators save them in an `.npz`.

    read        an npz to a Scene
    poses       its arrays as rotations, travel, shape and rate
    joints      names, parents and roles of the joints, and an average body
    body_model  one person's joints, from the user's own model file

Reading NumPy's files without pickles is `workers.formats.numpy_arrays`.
"""
