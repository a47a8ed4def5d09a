"""Relations: where hands, forearms, elbows, feet, knees and head are with respect to the own body, on any two bodies.

    marks       the same few hundred places on every body's surface
    find_marks  where these lie on one surface
    points      marks, joints and what is asked about them, as one small mesh that a motion moves
    nearness    how the points that are asked lie to the marks
    features    what a pose is in these terms; numpy or torch
    errors      how far two bodies' relations are from one another
    measure     relations of whole motions
    tensors     relations of arrays for a loss
    formula.md  what is measured and why, with its sources

How reports and guards use it (numpy), and how an optimiser does (torch):

    source, made = shared_points(relation_points(source_surface), relation_points(surface))
    wanted = motion_relations(source, source_motion, frames)        # once
    found = relation_errors(wanted, motion_relations(made, motion, frames))
    found.by_limb                                                   # (frames, limbs); found.limbs names them

    skin = bind_skin(made.mesh, body.skeleton, dtype=torch.float64)  # workers.rendering.skinning
    posed = skin.deform(rotations, positions)                        # differentiable from here on
    loss = relation_errors(as_tensors(wanted, posed), relations(made, posed)).by_limb    # (frames, limbs)

A guard that must not judge by what was optimised takes other frames and `relation_points(surface, shift=0.5)`, whose
marks and asked points lie between those of the default.
"""
