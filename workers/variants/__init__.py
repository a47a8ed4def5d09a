"""Clips as games use them: a retargeted clip mirrored, made to loop, as a difference, with fewer keys, with events.

    shape          a retargeted clip and its source mirrored and closed, before they are scored
    deliver        a shaped clip as it is written: additive, fewer keys, events, name
    names          what a variant is called: options, file, clip
    events_file    events.json

What is done to one motion or one clip lies in `workers.motion` and `workers.skeleton`.
"""
