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

    held = wanted_relations(source_motion, source_surface, surface, frames)     # once; None: no limb is shared
    errors = held.errors(motion)                                # .by_limb (frames, errors.limbs), .by_frame (frames,)

    skin = bind_skin(held.points.mesh, body.skeleton, dtype=torch.float64)     # workers.rendering.skinning
    posed = skin.deform(rotations, positions)                                  # differentiable from here on
    loss = relation_errors(as_tensors(held.wanted, posed), relations(held.points, posed)).by_limb

A guard that must not judge by what was optimised takes other frames, and `wanted_relations(..., shift=0.5)`, whose
marks and probes lie between those of the default.
"""
