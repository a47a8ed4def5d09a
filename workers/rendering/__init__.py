"""Rendering: skin a character, see it from a few cameras, and carry gradients from the pixels back to its joints.

    rotations    quaternions in torch               kinematics   forward kinematics in torch
    skinning     linear blend skinning              decimate     fewer faces, weights kept
    body_proxy   a surface for a bare skeleton      cameras      views that follow a body
    visibility   z-buffer                           edges        silhouettes: anti-aliasing and its gradient
    shading      neutral clay, Phong                slopes       shading that moves with its surface
    ground       grid and soft shadow
    rasterizer   the renderer of this project       renderer     the interface, and the choice of a backend
    moving_body  a motion and its surface           framing      cameras that zoom out where a clip needs it
    preview      source and result side by side     sheet        keyframes in a row with their scores
    lettering    text and margins of pictures       animation_files   WebP and WebM as bytes
    gradients    the renderer's gradients against finite differences

Everything here needs torch; the command line's light paths must not import this package. Nothing in a module depends on
the device: tensors stay where the caller put them.
"""
