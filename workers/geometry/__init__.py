"""Body geometry: parts of a body's surface, penetration, self-contact; losses with gradients and exact figures.

    parts         which part each joint, vertex and face belongs to   part_frames    places on a part, same on any body
    surface       BodySurface: the mesh by parts, its bind pose       posing         a surface moved by a motion
    nearest       closest place on the rest of the body               winding        inside or outside, by libigl
    penetration   the penetration loss                                exact          exact figures on the full mesh
    self_contact  contacts of the source, found from its surface      contact_model  what a contact is
    carry         contacts on another body, and their loss            contact_scores error, recall, precision
    scores        the report's rows: `geometry_scores`

How an optimiser uses it, all lengths in metres and world space:

    full = build_surface(body, mesh)                    # mesh None: a generated body; once a character, 0.1 to 1 s
    surface = reduced(full, 1500)                       # for losses; `surface.mesh` is what to skin
    skin = bind_skin(surface.mesh, body.skeleton)       # workers.rendering.skinning

    source = reduced(build_surface(motion.body, source_mesh), 2500)
    contacts = find_self_contacts(motion, source, pose(source, motion))
    anchors = carry(contacts, surface, motion.rate_hz)  # tensors; `anchors.window(start, stop)` for a window of frames

    vertices = skin.deform(rotations, positions)        # (frames, vertices, 3), differentiable
    pairs = find_pairs(surface, vertices)               # no gradient; again when bodies moved by ~0.3 arm radii
    loss = penetration_loss(vertices, pairs, surface.arm_radius_m)      # (frames,)
    loss = loss + contact_loss(vertices, anchors, surface.arm_radius_m) # (frames,)

Both losses are 0 where nothing penetrates or touches. They are in arm radii, so they mean the same on every body.
`penetration_loss`: a patch of one square arm radius that is one arm radius deep counts about 1. `contact_loss`: a
contact whose points are one arm radius away from where they belong counts about 1.

Meshes are in the rest pose of `body.skeleton`: where preparation changed a file's rest pose (`body.skeleton is not
scene.skeleton`), pose the mesh by `workers.preparation.change_units.posed` first. scipy and libigl come with the
`worker` extra.
"""
