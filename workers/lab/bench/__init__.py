"""Speed and memory, behind `retarget bench`.

    engine      bytes in, bytes out, stage by stage, beside the naive copy; start-up; the gateway
    rendering   pictures: skinning, forward, backward, encoder
    refinement  refinement by length of clip
    blip        a full-size BLIP with random weights
    parts       single steps beside a plain way of doing the same
    files       the files that are measured on

Tests hold results to be right; how fast they come is measured here.
"""
