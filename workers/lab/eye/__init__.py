"""The built-in encoder `eye`: what it learns from, how, and what it sees.

    data   bodies, clips and pictures to learn from, and which are held out
    learn  network, losses, training, package
    study  measured on held-out clips and bodies, beside other encoders

Only data whose licence allows shipping what was learned from it is trained on. Nothing here is needed to use the
encoder, which is `workers.semantics.encoders.builtin`.
"""
