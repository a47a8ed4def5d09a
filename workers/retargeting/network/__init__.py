"""The method `smt`: a network that says a small residual on the analytic transfer, in one pass.

    nodes         its graph: twenty humanoid roles
    features      what it is told of source, result and both bodies
    contact_ways  what the source's self-contacts ask of each limb
    mirror        left and right exchanged
    architecture  the network itself
    paper         the paper's own network, to compare with
    weights       to and from a file
    rate          its frames: about thirty a second, in windows, and back
    apply         from its turns to the residual's values
    retargeter    the method

How it is trained is in `workers.lab.retargeter`; what it was trained on and what it does in its model's card
(`model_store/smt`). Importing this package loads no torch; `architecture` and what uses it do.
"""
