"""FBX in and out. In: a child process makes a GLB of it, and `workers.formats.gltf` reads that.

    read       an FBX to a Scene; in our process
    process    running the child: a GLB with facts comes back, or one typed error
    message    the bytes that child and parent exchange
    child      the child's program
    binding    the one place that knows how to use `ufbx` safely; child only
    file       what a file holds besides its animation; child only
    takes      its animations, sampled; child only
    model      plain data between the binding and the GLB
    glb        the scene as one GLB
    skins      joints, inverse bind matrices, influences
    surface    one mesh as glTF vertices
    triangles  polygons cut into triangles, corners welded
    images     materials and images
    shapes     blend shapes; child only
    helpers    nodes that only carry a constant scale, taken out again
    write      a GLB as FBX, in our process

What an FBX loses on the way in does not come out again either: polygons are triangles, rotation orders, pivots and
animation layers are plain keys at the file's rate, a vertex keeps four influences and one skin, a mesh its first set of
coordinates, a material its base colour with its texture, roughness and metal. A blend shape stays where the file shows
it at another weight than 0, and no take moves one. Vertex colours, geometry caches, constraints, hidden meshes,
cameras, lights and users' properties are left out.
"""
