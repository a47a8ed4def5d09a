"""Pictures for people: previews in motion and sheets of keyframes.

    packages         which packages they need
    draw             the pictures of a job
    preview          the frames of a preview
    sheet            moments in a row, a row for each body
    scene_file       the bodies themselves in one GLB, for viewers
    scene_marks      what may be marked on them: parts that touch or are inside
    framing          cameras that zoom out where a clip needs it
    lettering        text and margins
    animation_files  WebP and WebM as bytes

What is drawn is what was scored (`workers.semantics.viewed_clip`); drawing a body is left to `workers.rendering`.
"""
