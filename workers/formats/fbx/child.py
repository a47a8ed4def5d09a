"""`python -m workers.formats.fbx.child`: one FBX file in on standard input, one GLB with facts out on standard output.

Runs with limits that it sets itself before it looks at the file; whatever goes wrong becomes a typed error in the
reply, and what ends the process outright is told apart by its parent (`fbx.process`).
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from workers.contract.errors import InputError, ParseFailed, RetargetError, TooLarge
from workers.formats.fbx.message import pack, unpack
from workers.formats.limits import Limits
from workers.platform.processes import die_with_parent, forbid_core_dumps

Convert = Callable[[bytes, str, Limits, list[str]], bytes]


def serve(convert: Convert, title: str) -> NoReturn:
    """Answers the one request by `convert`, which gives the reply to a file's bytes, its name, the limits and the names
    of the files beside it; `title` is what people call such files. Never returns: native code must not be torn down.
    """
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # stray prints of libraries are no part of the reply
    request, data = unpack(sys.stdin.buffer.read())
    _set_limits(request)
    name = str(request["name"])
    try:
        reply = convert(data, name, Limits(**request["limits"]), list(request["siblings"]))
    except RetargetError as error:
        reply = pack({"error": error.to_dict()})
    except MemoryError:
        memory = int(request["memory_bytes"]) / 2**30
        reply = pack(
            {"error": TooLarge(f"{name}: reading it takes more than {memory:g} GiB; reduce the file").to_dict()}
        )
    except Exception as error:
        text = f"{name}: the file is damaged ({type(error).__name__}); export it again"
        reply = pack({"error": ParseFailed(text).to_dict()})
    if len(reply) > int(request["reply_bytes"]):
        reply = pack({"error": TooLarge(f"{name}: the {title} unfolds to more than fits; reduce the file").to_dict()})
    output.write(reply)
    output.flush()
    os._exit(0)


def _set_limits(request: dict[str, Any]) -> None:
    die_with_parent(int(request["parent"]))
    forbid_core_dumps()
    for kind, value in (
        (resource.RLIMIT_AS, int(request["memory_bytes"])),
        (resource.RLIMIT_CPU, int(request["cpu_s"])),
        (resource.RLIMIT_FSIZE, int(request["reply_bytes"])),
    ):
        _, hard = resource.getrlimit(kind)
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (allowed, hard))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it otherwise
    # Where the kernel cannot tell that the parent is gone, the process still ends: SIGALRM is not handled, so it kills.
    signal.alarm(int(request["wall_s"]))


def _convert(data: bytes, name: str, limits: Limits, siblings: list[str]) -> bytes:
    # Imported under the limits, and only here: the binding must never be loaded into a process that goes on.
    from workers.formats.fbx.binding import load
    from workers.formats.fbx.file import file_facts, read_file
    from workers.formats.fbx.glb import build_glb
    from workers.formats.fbx.takes import frame_rate, read_takes

    binding = load(data, name)
    facts = file_facts(binding)
    scene, index_of = read_file(binding, name, limits)
    rate_hz, usable = frame_rate(facts["rate_hz"])
    if not usable:
        scene.warn("frame-rate-assumed", f"{name}: the file states no usable frame rate; {rate_hz:g} fps are assumed")
    read_takes(binding, scene, index_of, rate_hz, name, limits)
    try:
        glb = build_glb(scene, rate_hz, siblings)
    except InputError as error:
        raise type(error)(f"{name}: {error.detail}", **error.extra) from None
    return pack({"facts": facts | {"rate_hz": rate_hz}, "notices": scene.notices}, glb)


if __name__ == "__main__":
    serve(_convert, "FBX")
