"""Body geometry: parts of a body's surface, penetration, self-contact; losses with gradients and exact figures.

    parts              which part of the body each joint, vertex and face belongs to
    part_frames        places on a part that mean the same on any body
    surface            BodySurface: the mesh by parts, and how it meets itself in its bind pose
    prepared           the surfaces of files, prepared once for each body
    kept_surfaces      surfaces and meshes in the cache folder
    source_contacts    contacts of a source, found once
    body_proxy         a generated surface for a bare skeleton
    decimate           fewer faces, skin weights kept
    posing             a surface moved by a motion
    queries            which limb vertices are near or inside which surface, how deep and where; compiled
    near_body          which places of the body limbs are near to
    nearest            the same, for reference
    winding            inside or outside, by libigl
    penetration        the penetration loss, with gradients
    measured_penetration   penetration on the full mesh, for reports
    exact              the same by libigl, for reference
    skin_strain        edges torn and faces collapsed against the bind pose
    undriven_skin      skin on joints that stay behind the body
    touches            which parts touch which over a clip, and with which vertices
    all_touches        the same, for reference
    self_contact       contacts of the source, found from its surface
    contact_model      what a contact is
    transfer_contacts  contacts on another body
    contact_loss       the loss that keeps them, with gradients
    contact_scores     how well they are kept: error, recall, precision
    relations          where hands, limbs and head are with respect to the own body

How an optimiser uses it, all lengths in metres and world space:

    full = build_surface(body, mesh)                    # mesh None: a generated body; once a character, 0.1 to 1 s
    surface = reduced(full, 1500)                       # for losses; `surface.mesh` is what to skin
    skin = bind_skin(surface.mesh, body.skeleton)       # workers.rendering.skinning

    source = reduced(build_surface(motion.body, source_mesh), 2500)
    contacts = find_self_contacts(motion, source)
    anchors = carry(contacts, surface, motion.rate_hz)  # numpy; `anchors.at(frames)` for some frames
    touching = contact_pairs(anchors)                   # tensors

    vertices = skin.deform(rotations, positions)        # (frames, vertices, 3), differentiable
    pairs = find_pairs(surface, vertices)               # no gradient; again when bodies moved by ~0.3 arm radii
    loss = penetration_loss(vertices, pairs, surface.arm_radius_m)      # (frames,)
    loss = loss + contact_loss(vertices, touching, surface.arm_radius_m) # (frames,)

Both losses are 0 where nothing penetrates or touches. They are in arm radii, so they mean the same on every body.
`penetration_loss`: a patch of one square arm radius that is one arm radius deep counts about 1. `contact_loss`: a
contact whose points are one arm radius away from where they belong counts about 1.

Meshes are in the rest pose of `body.skeleton`: where preparation changed a file's rest pose (`body.skeleton is not
scene.skeleton`), pose the mesh by `workers.preparation.change_units.posed` first. scipy, numba and
libigl come with the `worker` extra.
"""
