"""Training of the network that retargets (method `smt`), in two stages.

    recipe           all that decides it
    examples         stretches of clips on bodies, with what refinement knows of them
    touches          clips in which a hand touches the body, made from ones in which none does
    batches          windows of examples as tensors
    geometry_losses  refinement's losses as losses of a network
    semantic_losses  the encoder's
    stage_one        skeletons alone, unpaired
    stage_two        bodies with skin
    train            both stages, from data to a model folder

The command is `retarget train retargeter`; what the network is made of is in `workers.retargeting.network`.
"""
