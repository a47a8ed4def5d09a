"""What measures and trains the product. Nothing imports it; `service.cli` names its commands.

    commands        `retarget evaluate`, `retarget bench`, `retarget train`
    studies         quality over many files
    bench           speed and memory
    standards       naming standards of skeletons, each on every other
    hostile         malformed and mutated files
    retargeter      training of the network that retargets
    eye             the built-in encoder: its data, its training, its study
    schedule        how fast a network learns along its training
    model_package   the manifest of a model that the project trained itself
    corpus          a folder of motions and characters, and which of them cannot be asked to work
    gltf_validator  the Khronos glTF validator, where Node.js has it

`README.md` beside lists every command with what it prints and what was measured.
"""
