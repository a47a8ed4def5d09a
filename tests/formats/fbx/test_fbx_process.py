"""The FBX child: whatever it does, its parent goes on with a GLB or one typed error."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.formats.fbx.fbx_text import Node, Take, fbx_text
from workers.contract.errors import InternalError, JobTimeout, ParseFailed, RetargetError, TooLarge
from workers.formats.bundle import FileBundle
from workers.formats.fbx import process as fbx_process
from workers.formats.fbx.message import pack, unpack
from workers.formats.fbx.process import ChildLimits, convert_fbx
from workers.formats.fbx.read import read_fbx
from workers.formats.limits import DEFAULT_LIMITS, Limits

GOOD = fbx_text([Node(f"bone{k}", k - 1, translation=[0.0, 30.0, 0.0]) for k in range(4)])
READ = "import sys\nsys.stdin.buffer.read()\n"


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Replaces the child's program."""

    def replace(program: str) -> None:
        (tmp_path / "fake_fbx_child.py").write_text(READ + textwrap.dedent(program))
        monkeypatch.setattr(fbx_process, "_OWN_MODULE", "fake_fbx_child")
        environment = fbx_process._environment()
        folders = os.pathsep.join([str(tmp_path), environment["PYTHONPATH"]])
        monkeypatch.setattr(fbx_process, "_environment", lambda: environment | {"PYTHONPATH": folders})

    return replace


def convert(limits: ChildLimits | None = None) -> bytes:
    return convert_fbx(GOOD, "good.fbx", [], DEFAULT_LIMITS, limits or ChildLimits())[0]


def test_a_message_comes_back_as_it_went() -> None:
    assert unpack(pack({"a": [1, "ü"]}, b"\x00glTF")) == ({"a": [1, "ü"]}, b"\x00glTF")


@pytest.mark.parametrize("message", [b"", b"rtfbx", b"rtfbx\x01\xff\xff\xff\x7f{}", b"x" * 40, pack({})[:-2] + b"[]"])
def test_a_broken_message_is_refused(message: bytes) -> None:
    with pytest.raises(ValueError):
        unpack(message)


@pytest.mark.parametrize("signal_name", ["SIGSEGV", "SIGABRT", "SIGBUS", "SIGKILL"])
def test_a_child_that_crashes(child: Callable[[str], None], signal_name: str) -> None:
    child(f"import os, signal; os.kill(os.getpid(), signal.{signal_name})")
    with pytest.raises(
        ParseFailed, match=rf"good.fbx: the file broke the FBX reader \({signal_name}\); export it again"
    ):
        convert()


@pytest.mark.parametrize("garbage", ["b''", "b'hello'", "b'rtfbx' + bytes(20)"])
def test_a_child_that_sends_garbage(child: Callable[[str], None], garbage: str) -> None:
    child(f"sys.stdout.buffer.write({garbage})")
    with pytest.raises(ParseFailed, match="no answer"):
        convert()


def test_a_glb_that_is_none_is_judged_by_the_reader(child: Callable[[str], None]) -> None:
    child(
        """
        from workers.formats.fbx.message import pack
        facts = {"rate_hz": 30.0, "unit_m": 1.0, "up_axis": "Y"}
        sys.stdout.buffer.write(pack({"facts": facts, "notices": []}, b"glTFx"))
        """
    )
    with pytest.raises(ParseFailed, match=r"good\.fbx: GLB header"):
        read_fbx(FileBundle("good.fbx", GOOD))


def test_a_child_that_never_ends(child: Callable[[str], None]) -> None:
    child("import time; time.sleep(60)")
    start = time.perf_counter()
    with pytest.raises(JobTimeout, match="not read within 1 s"):
        convert(ChildLimits(cpu_s=1.0, cpu_s_per_mebibyte=0.0, wall_factor=1.0))
    assert time.perf_counter() - start < 30.0  # half of what the child would take


def test_a_child_that_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fbx_process, "_OWN_MODULE", "no_such_module")
    with pytest.raises(InternalError, match="could not start"):
        convert()


@pytest.mark.parametrize(
    ("limits", "kind", "text"),
    [
        (ChildLimits(memory_bytes=200 * 2**20), TooLarge, "GiB; reduce the file"),
        (ChildLimits(reply_bytes=1_000), TooLarge, "unfolds to more than fits"),
    ],
)
def test_the_limits_are_the_childs_own(limits: ChildLimits, kind: type[RetargetError], text: str) -> None:
    nodes = [Node(f"bone{k}", k - 1, translation=[0.0, 30.0, 0.0]) for k in range(4)]
    turn = np.array([[0.0, 0.0, 0.0], [0.0, 90.0, 0.0]])
    data = fbx_text(nodes, [Take("long", 7000.0, [{(k, "Lcl Rotation"): ([0.0, 7000.0], turn) for k in range(4)}])])
    with pytest.raises(kind, match=text):
        convert_fbx(data, "good.fbx", [], DEFAULT_LIMITS, limits)


def test_processor_time_is_limited(child: Callable[[str], None]) -> None:
    child(
        """
        import resource
        resource.setrlimit(resource.RLIMIT_CPU, (1, 5))
        while True: pass
        """
    )
    with pytest.raises(TooLarge, match="processor time"):
        convert(ChildLimits(cpu_s=8.0))


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        (Limits(nodes=3), "4 nodes exceed"),
        (Limits(joints=3), "4 joints exceed"),
        (Limits(frames=20), "frames exceed"),
        (Limits(rotation_keys=20), "rotation keys exceed"),
    ],
)
def test_counts_are_checked_before_they_are_unfolded(limits: Limits, text: str) -> None:
    nodes = [Node(f"bone{k}", k - 1, translation=[0.0, 30.0, 0.0]) for k in range(4)]
    track = {(1, "Lcl Rotation"): ([0.0, 1.0], np.array([[0.0, 0.0, 0.0], [0.0, 90.0, 0.0]]))}
    with pytest.raises(TooLarge, match=f"made.fbx: .*{text}"):
        read_fbx(FileBundle("made.fbx", fbx_text(nodes, [Take("turn", 1.0, [track])])), limits)


def test_a_take_that_never_ends_is_cut_to_its_keys() -> None:
    nodes = [Node(f"bone{k}", k - 1, translation=[0.0, 30.0, 0.0]) for k in range(4)]
    track = {(1, "Lcl Rotation"): ([1.0, 2.0], np.array([[0.0, 0.0, 0.0], [0.0, 90.0, 0.0]]))}
    scene = read_fbx(FileBundle("made.fbx", fbx_text(nodes, [Take("turn", 1e8, [track])])))
    assert [(clip.frames, clip.duration_s) for clip in scene.clips] == [(25, 1.0)]


def test_the_binding_is_loaded_in_the_child_only(tmp_path: Path) -> None:
    program = (
        "import sys; from workers.formats.load_bundle import bundle_from_path;"
        "from workers.formats.read import read_scene;"
        "scene = read_scene(bundle_from_path(sys.argv[1])); assert scene.format == 'fbx'; print('ufbx' in sys.modules)"
    )
    file = tmp_path / "good.fbx"
    file.write_bytes(GOOD)
    done = subprocess.run([sys.executable, "-c", program, str(file)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
