"""glTF, GLB and VRM in and out.

    read               a file to a Scene
    container          the GLB container and the JSON text, apart and together
    document           a file taken apart: JSON as written, buffers, checked accessors
    fields             typed access to the JSON; errors name the place
    resources          where bytes come from: data URIs, files beside, the BIN chunk
    accessors          typed views into buffers
    compressed_views   meshopt's bufferViews, seen as plain ones
    meshopt            their bitstreams
    draco              Draco's streams into the accessors of their primitive
    nodes              the node tree, freed from scale and mirroring
    bind               the bind pose, from the inverse bind matrices
    joints             which nodes are joints, and figures of rigid parts without a skin
    filler_matrices    bind matrices that say nothing
    influences         which joints hold which vertices
    mesh               all surfaces as one mesh in the bind pose
    animation          which clips there are, and sampling one
    animation_pointer  channels that name a node by a JSON pointer
    key_rate           the rate of a clip, from its key times
    units              metres, unless the body's size shows otherwise
    vrm_humanoid       the humanoid map of a VRM
    write              clips spliced into the uploaded document
    embed              one GLB out of any glTF
    skeleton_glb       a GLB for a rig that has no document, such as a BVH

Looks (materials, textures, morphs) are handed back as they came and never read.
"""
