"""The parsing process: `python -m workers.ingest.sandbox.child FD PARENT_PID READER LIMITS`, one file after another.

It confines itself first, imports the readers after, and then answers each request on the socket FD with a stored scene
in the file it was given, or with a typed error. Files beside the main one are asked for over the socket, so it opens
none itself. READER is `module:name` of the function that reads a bundle; only tests name another. What the parent makes
of answers, deaths and silence is `workers.ingest.sandbox.sandbox`.
"""

from __future__ import annotations

import sys

from workers.ingest.sandbox.confinement import NotConfined, SandboxLimits, allow_cpu, confine


def main(descriptor: int, parent_pid: int, reader: str, limits: SandboxLimits) -> None:
    """Serve until the parent hangs up."""
    import signal
    import socket

    from workers.ingest.sandbox.channel import ChannelClosed, SandboxChannel

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    channel = SandboxChannel(socket.socket(fileno=descriptor), limits.message_bytes)
    try:
        kept_off = confine(limits, parent_pid)
    except NotConfined as error:
        channel.send({"refused": str(error)})
        return
    from workers.ingest.sandbox.service import SandboxService

    service = SandboxService(channel, reader, limits)
    channel.send({"ready": kept_off})
    try:
        while True:
            service.answer(allow_cpu)
    except ChannelClosed:
        return


if __name__ == "__main__":
    import json

    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], SandboxLimits(**json.loads(sys.argv[4])))
