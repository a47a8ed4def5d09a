"""Files in and out: bytes to a `Scene` and back.

    read         `read_scene`: any bundle to a Scene; chooses the reader by content
    registry     one row a file format: marks, endings, reader, what it carries
    file_format  what a row says
    wording      the formats in words, for help, errors and OpenAPI
    sniff        what kind of file some bytes are
    bvh          BVH in and out
    gltf         glTF, GLB and VRM in and out
    fbx          FBX in, through a child process, and out
    usd          USD's skeletal animation in, through a child process
    smpl         SMPL, SMPL-H and SMPL-X motions in, from NumPy's npz
    joint_arrays  joint places in, from NumPy's npy
    numpy_arrays  npy and npz as plain arrays, never as pickles
    sampled_clip  a Scene around one clip in memory
    bundle       FileBundle: a file and those beside it, the only thing readers get
    load_bundle  bundles from a path, uploaded parts or a zip; the only module here that touches a disk
    zip_entries  the files inside an untrusted zip
    entry_names  names of files inside a bundle: relative, and never leading outside
    limits       how much a file may hold
    units        a guess of the unit, which a BVH does not say
    usual_up     the up axis of a format that has a usual one
    up_axis      a guess of the up axis, and the turn to Y up
    upright_zero  a zero pose that stands on its head, put on its feet
    body_plan    legs, arms and trunk from tree and bone lengths, before units are known

Which joint plays which role is left to `workers.skeleton`, confinement to `workers.ingest.sandbox`.
"""
