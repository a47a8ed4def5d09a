"""What encoders see of a motion, on held-out clips and bodies: `retarget evaluate eye`.

    eye          the study: encoders side by side
    pairs        the same moments of a clip on two bodies
    negatives    moments made wrong on purpose
    views        moments and cameras, as the product's scores see them
    baselines    the encoders, and two yardsticks beside them
    mobilenet    one of the yardsticks: general image features
    results      every picture shown to every encoder
    studies      the figures
    metrics      AUC, ranks, order, with intervals by clip
    calibration  the anchors of an encoder
    table        the study as text

The encoders themselves are `workers.semantics.encoders`; how `eye` is trained, `workers.lab.eye.learn`.
"""
