"""Body geometry: parts of a body's surface, penetration, self-contact and relations, for reports and refinement.

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
    measured_penetration   penetration on the full mesh, for reports
    exact              the same by libigl, for reference
    skin_strain        edges torn and faces collapsed against the bind pose
    undriven_skin      skin on joints that stay behind the body
    touches            which parts touch which over a clip, and with which vertices
    all_touches        the same, for reference
    self_contact       contacts of the source, found from its surface
    contact_model      what a contact is
    transfer_contacts  contacts on another body
    contact_scores     how well they are kept: error, recall, precision
    relations          where hands, limbs and head are with respect to the own body

How refinement uses it, all lengths in metres and world space:

    full = build_surface(body, mesh)                    # mesh None: a generated body; once a character, 0.1 to 1 s
    surface = reduced(full, 1500)                       # what is looked at round by round

    source = reduced(build_surface(motion.body, source_mesh), 2500)
    contacts = find_self_contacts(motion, source)
    anchors = carry(contacts, surface, motion.rate_hz)  # `anchors.at(frames)` for some frames

    vertices = pose(surface, motion, frames)            # (frames, vertices, 3)
    near, allowed = near_body(surface, vertices, surface.limb_vertices, reach_m)
    depths = -near.distance_m - allowed                 # above 0: inside, deeper than in the bind pose
    missed = anchors.at(frames).missed_m(vertices)      # how far contacts are from where they belong

Meshes are in the rest pose of `body.skeleton`: where preparation changed a file's rest pose (`body.skeleton is not
scene.skeleton`), pose the mesh by `workers.preparation.change_units.posed` first. scipy, numba and
libigl come with the `worker` extra.
"""
