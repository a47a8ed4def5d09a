"""The renderer of `workers.rendering.rasterizer` once more, compiled, for pictures that nobody differentiates.

    renderer  pictures of posed surfaces, behind the interface of every renderer
    picture   one picture from the parts below, and several in one call
    surface   which face each pixel sees, and how it is lit
    ground    grid and shadow below
    edges     silhouettes, anti-aliased
    skinning  linear blend skinning by the few joints that hold a vertex

The same steps with the same constants, a picture at a time, pixel by pixel and in double precision: pictures agree to
rounding, many times faster on a processor. Encoders look at these, refinement at those that have gradients.
"""
