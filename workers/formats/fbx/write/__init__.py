"""FBX out: a GLB becomes a binary FBX 7.4 that stands and moves as it does.

    write         a GLB to an FBX: the one way in
    records       nested records to the bytes of the file
    objects       the file's objects, their properties and what is connected to what
    document      header, settings and the order of the parts
    space         centimetres, and nodes without the scale and mirroring of a glTF
    models        which node becomes a joint, a mesh or a group
    surfaces      the primitives of one glTF mesh as one list of vertices
    geometry      one surface as an FBX mesh
    skins         clusters and the bind pose
    blend_shapes  morph targets
    materials     materials, textures and the images they embed
    takes         clips as takes
    driven        what every take keys
    curves        keys of one animated value
    euler         rotations as angles that do not jump

Y up, +Z forward, centimetres: what Maya writes and what Unreal and Unity expect. Every node has scale 1 unless its
scale is uneven or a clip moves it, joints are `LimbNode`s, and each skinned mesh lies at the root in the bind pose's
world.
Not written, as FBX has no place for it or no two readers agree on it: metal, roughness and occlusion textures, texture
settings, cameras, lights, extensions of glTF (VRM among them), `extras`, points and lines.
"""
