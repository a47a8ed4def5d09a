"""Rendering: skin a character, see it from a few cameras, and carry gradients from the pixels back to its joints.

    renderer           the interface, and the choice of a backend
    rasterizer         the renderer of this project
    compiled           the same without gradients, compiled for a processor
    pytorch3d_backend  pytorch3d behind the same interface
    moving_body        a motion and its surface, and pictures of its frames
    skinning           linear blend skinning
    cameras            views that follow a body
    visibility         the z-buffer: which face a pixel sees
    shading            neutral clay, Phong
    edges              silhouettes: anti-aliasing, and their gradient
    seams              lines where surfaces pass through each other, and their gradient
    motion             the gradient of what moves across the picture
    ground             grid and soft shadow

Everything here needs torch; the command line's light paths must not import this package. Nothing in a module depends on
the device: tensors stay where the caller put them. Previews and sheets are `workers.pictures`, generated bodies and
decimation `workers.geometry`.
"""
