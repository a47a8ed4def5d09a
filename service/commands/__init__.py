"""One module a subcommand of `retarget`: each offers `add_arguments(parser)` and `run(arguments) -> exit code`."""
