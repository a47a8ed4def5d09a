"""Twenty-two naming standards of skeletons as rigs, every one brought onto every other: `retarget bench standards`.

    convention  the joint names of a standard and what they are, as published (`names/*.json`)
    places      where the joints of a standard stand in a body
    rigs        a standard as a rig with a surface and a clip
    study       all pairs
    table       the study in words and as a picture

Names, trees, rest poses and axes are the standards'; bodies and proportions are our own: theirs may not be copied.
"""
