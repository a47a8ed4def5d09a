"""Training of the built-in encoder.

    encoder_training  the picture network, then words on its features
    student           the network in training: heads that teach it, copies that work side by side
    losses            what it is taught
    muon              the optimiser of its matrices and kernels
    encoder_poses     the cache of pictures as poses to learn from
    groups            poses that are compared: one moment on several bodies, clean and damaged
    augment           changes of a picture that change no pose
    mirror            a picture seen in a mirror, with its labels
    text_training     words
    encoder_measures  figures that guide the training
    calibrate         anchors measured, written into the manifest
    encoder_package   weights and manifest as a model folder

What the encoder can do is measured by `workers.lab.eye.study`, which training never reads.
"""
