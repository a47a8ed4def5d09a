"""All that computes, from bytes to results. Importable without FastAPI and without torch.

    contract     what users script against: errors, options, definitions, role names
    platform     what the operating system does for our processes
    skeleton     skeletons, clips, rotations, roles, rest poses; the conventions of the whole project
    samples      our own characters and clips
    formats      files in and out
    ingest       untrusted bytes to one internal form
    motion       a body in motion: contacts, ground, time
    preparation  what the engine must know of each file
    geometry     surfaces: parts, penetration, self-contact, decimation, generated bodies
    retargeting  from a source body's motion to a target body's
    rendering    a differentiable renderer
    scores       what a result is worth: scores, verdict, report
    semantics    what a motion means: encoders and keyframes
    refinement   a result changed a little, so that hands stay out of bodies and on their contacts
    pictures     previews and sheets
    variants     clips as games use them: mirrored, looping, additive, with fewer keys
    engine       (motion, character, options) -> (artifacts, report), a pure function
    gate         a library of results held against those that were accepted
    queue        jobs off the queue
    lab          studies, benches, training; nothing imports it

A package imports what stands above it in this list, never what stands below; `queue` and `lab` alone import `service`.
"""
