"""One module a subcommand of `retarget`: each offers `add_arguments(parser)` and `run(arguments) -> exit code`.

    run              retarget in this process, no server
    inspect          what a file holds
    score            the scores of a result, whoever made it
    gate             a library held against what was accepted
    serve            gateway, workers and an embedded Redis with one command
    gateway          the gateway alone
    worker           one worker alone
    submit           have a running service retarget files
    keys             make, list and revoke keys
    status           the workers, what each can do, and the queues
    doctor           what is wrong with an installation, each with its remedy
    models           list, pull and verify the learned models
    samples          write our own characters and clips
    demo             the whole path once, over HTTP
    option_flags     one flag for each field of JobOptions
    definition_flag  `--definition FILE` and its like
    progress         stages on stderr
    score_table      scores beside the naive copy's, as lines

The commands of the lab lie in `workers.lab.commands`; `service.cli` names them all.
"""
