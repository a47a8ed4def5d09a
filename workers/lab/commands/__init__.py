"""The lab's commands: arguments in, lines out.

    evaluate  `retarget evaluate STUDY`
    choices   `retarget evaluate choices`
    bench     `retarget bench`
    train     `retarget train fetch | data | encoder`

The measuring is in the rooms beside.
"""
