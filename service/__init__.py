"""The HTTP gateway, the job store and the command line. Never imports torch."""
