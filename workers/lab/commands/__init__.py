"""The lab's commands: arguments in, lines out.

    evaluate             `retarget evaluate STUDY`: its arguments
    retargeting_studies  studies of what is retargeted
    looking_studies      studies of what looks and corrects
    choices              blind choices
    learned              networks that retarget
    displacement         what refinement moved and need not
    asked                what these share
    bench                `retarget bench`
    train                `retarget train fetch | data | encoder | retargeter`

The measuring is in the rooms beside.
"""
