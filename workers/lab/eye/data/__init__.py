"""Training data: bodies that can be posed and seen, labelled clips, and pictures of them.

    fetch        the files, from their public sources, checked by hash
    split        which clips and bodies are trained on and which are held out; committed, made by a rule
    motions      the labelled clips, by stable id
    bodies       a body that can be posed and seen, a labelled clip, a family of bodies
    makehuman    the parametric body: shapes from targets, joints that move with the shape
    proportions  bodies with other proportions, from any body
    props        things that bodies wear and carry, in pictures only
    families     bodies and clips of one part of the split; a motion copied between bodies of a family
    poses        more moments from few: between moments, limbs of one moment on another, within joint limits
    damage       motions made wrong on purpose, by known amounts
    describe     what a picture shows in numbers: directions of limbs, hands' distances to the body
    cache        rendered pictures and their table on disk

How a network learns from it is left to `workers.lab.eye.learn`.
"""
