"""Body queries: which limb vertices are near or inside which surface, how deep and where, over batches of poses.

Compiled by numba, and bounded first: what lies outside the boxes of all that it could touch is never asked about. No
torch; imported only where a surface is measured. The numpy and libigl versions in `workers.geometry.nearest` and
`workers.geometry.exact` say the same, for reference.

    face_tree    the faces of a surface in a hierarchy that is made once
    triangles    closest place, solid angle, area
    bounds       boxes in a pose, and what is nearest
    windings     winding numbers
    near         limb vertices near to the rest of the body, or in it
    depths       how deep limb vertices are in it, on the full mesh
    moving       a surface that moves, posed and bounded where it is asked about
    touching     which parts touch in which frames
    contact_points   the vertices with which they do
    places       the closest places on parts, for points that move with the body
"""
