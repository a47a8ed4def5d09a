"""What the confined parsing process does with one request: read the bundle, write the stored scene, or tell why not.

Imports the readers, so it is imported after confinement. Runs only in the process of `workers.ingest.sandbox.child`.
"""

from __future__ import annotations

import errno
import importlib
import os
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from workers.contract.errors import ParseFailed, RetargetError, TooLarge
from workers.formats.bundle import FileBundle
from workers.formats.limits import Limits
from workers.ingest.sandbox.channel import ChannelClosed, Message, SandboxChannel, close_files
from workers.ingest.sandbox.confinement import SandboxLimits
from workers.ingest.stored.scene_store import save_scene
from workers.platform.processes import peak_bytes
from workers.skeleton.model import Scene

_DETAIL_CHARS = 2000
Reader = Callable[[FileBundle, Limits], Scene]


class SandboxService:
    """Answers the requests that come over a channel."""

    def __init__(self, channel: SandboxChannel, reader: str, limits: SandboxLimits) -> None:
        module, _, name = reader.partition(":")
        self._channel = channel
        self._read = cast(Reader, getattr(importlib.import_module(module), name))
        self._limits = limits

    def answer(self, allow_cpu: Callable[[int], None]) -> None:
        """Wait for one request and answer it. Raises ChannelClosed."""
        received = self._channel.receive()
        assert received is not None
        request, files = received
        allow_cpu(self._limits.cpu_s)
        try:
            answer = self._work(request, files)
        finally:
            close_files(files)
        answer["peak_bytes"] = peak_bytes()
        self._channel.send(answer)

    def _work(self, request: Message, files: list[int]) -> Message:
        source, target = files
        name = str(request["name"])
        try:
            limits = Limits(**request["limits"])
            bundle = FileBundle(name, _content(source), AskedSiblings(self._channel))
            os.ftruncate(source, 0)  # the parent's copy for us: from here on only ours takes memory
            scene = self._read(bundle, limits)
            del bundle  # a reader that needs the file no more lets its memory go before the scene is written
            with open(target, "wb", closefd=False) as file:
                return {"length": save_scene(scene, file, limits)}
        except RetargetError as error:
            return {"error": _short(error)}
        except MemoryError:
            gibibytes = self._limits.memory_bytes / 2**30
            return {
                "error": TooLarge(
                    f"{name}: reading it takes more than {gibibytes:g} GiB of memory; split or reduce the file"
                ).to_dict()
            }
        except OSError as error:
            if error.errno != errno.EFBIG:
                return {"bug": traceback.format_exc()[-4000:]}
            return {
                "error": TooLarge(f"{name}: what it holds is too large to be kept; split or reduce the file").to_dict()
            }
        except ChannelClosed:
            raise
        except Exception:
            return {"bug": traceback.format_exc()[-4000:]}


class AskedSiblings(Mapping[str, Callable[[], bytes]]):
    """The files beside the main one, each asked of the parent once, when it is needed. They cannot be listed."""

    def __init__(self, channel: SandboxChannel) -> None:
        self._channel = channel
        self._known: dict[str, bytes | None] = {}

    def __getitem__(self, name: str) -> Callable[[], bytes]:
        if name not in self._known:
            self._known[name] = self._ask(name)
        content = self._known[name]
        if content is None:
            raise KeyError(name)
        return lambda: content

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, content in self._known.items() if content is not None])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _ask(self, name: str) -> bytes | None:
        if len(name) > _DETAIL_CHARS:
            raise ParseFailed(f"the name of a file beside it has {len(name):,} characters; shorten it")
        self._channel.send({"want": name})
        received = self._channel.receive()
        assert received is not None
        answer, files = received
        try:
            if "error" in answer:
                raise RetargetError.from_dict(answer["error"])
            return _content(files[0]) if files else None
        finally:
            close_files(files)


def _content(file: int) -> bytes:
    os.lseek(file, 0, os.SEEK_SET)
    with open(file, "rb", closefd=False) as stream:
        return stream.read()


def _short(error: RetargetError) -> dict[str, Any]:
    """An error that fits into a message: a long detail is cut, a long addition left out."""
    data = error.to_dict()
    data["detail"] = data["detail"][:_DETAIL_CHARS]
    if len(repr(data["extra"])) > 10 * _DETAIL_CHARS:
        data["extra"] = {}
    return data
