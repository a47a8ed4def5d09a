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
helpers    nodes that only carry a constant scale, taken out again
write      a GLB as FBX, in our process
"""
