"""Training of the built-in encoder: data, network, losses, calibration.

    split        which clips and bodies are trained on and which are held out; committed, made by a rule
    motions      the labelled clips of the data, by stable id
    bodies       a body that can be posed and seen, a labelled clip, a family of bodies
    makehuman    the parametric body: shapes from targets, joints that move with the shape
    stretch      bodies with other proportions, from any body
    props        things that bodies wear and carry, in pictures only
    families     bodies and clips of one part of the split; a motion copied between bodies of a family
    damage       motions made wrong on purpose, by known amounts
    poses        more moments from few: between moments, limbs of one moment on another, within joint limits
    describe     what a picture shows in numbers: directions of limbs, hands' distances to the body
    cache        rendered pictures and their table on disk
    fetch        the files to train on, from their public sources, checked by hash
    calibrate    the anchors of a trained encoder, into its manifest

Only data whose licence allows shipping what was learned from it is trained on. Nothing here is needed to use the
encoder.
"""
