"""One motion onto several characters: what is the source's is read, searched, rendered and embedded once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from workers.contract.options import parse_options
from workers.engine import prepared_files, scene_engine
from workers.engine.prepared_files import PreparedFiles
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.geometry import prepared, source_contacts
from workers.semantics import same_pose, scoring, source_cache

CHARACTERS = ("stout.glb", "tall.glb", "stout_a_pose.glb")


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often each of these is called, from nothing."""
    calls: dict[str, int] = {}

    def count(module: Any, name: str) -> None:
        work: Callable[..., Any] = getattr(module, name)

        def told(*given: Any, **named: Any) -> Any:
            calls[name] = calls.get(name, 0) + 1
            return work(*given, **named)

        monkeypatch.setattr(module, name, told)

    for module, name in (
        (prepared_files, "prepare_motion"),
        (prepared_files, "prepare_character"),
        (prepared, "build_surface"),
        (prepared, "fewer_faces"),
        (source_contacts, "find_self_contacts"),
        (scoring, "render"),
        (same_pose, "render"),
    ):
        count(module, name)
    monkeypatch.setattr(scene_engine, "_files", PreparedFiles())
    monkeypatch.setenv("RETARGET_SURFACE_SCORES", "on")
    prepared._surfaces.cache_clear()
    prepared._bodies.clear()
    source_contacts._motions.clear()
    source_cache.process_cache.cache_clear()
    same_pose._kept.clear()
    return calls


def test_a_batch_looks_at_its_source_once(samples: dict[str, FileBundle], counted: dict[str, int]) -> None:
    options = parse_options({"encoder": "eye", "keyframes": 2, "end_s": 0.3})
    motion = read_scene(samples["clap.bvh"])
    reports = []
    for name in CHARACTERS * 2:
        character = read_scene(samples[name])  # read anew: the second time its content is known
        report = scene_engine.retarget(motion, character, options, on_stage=lambda *_: None).report
        reports.append({**report, "timings_s": {}, "semantics": report["semantics"]["keyframes"]})
    views, bodies = 3, len(CHARACTERS) + 1
    assert counted["prepare_motion"] == 1
    assert counted["find_self_contacts"] == 1
    assert counted["build_surface"] == counted["fewer_faces"] == bodies
    # The source from each view, then result and copy of each character; once a pair of bodies both at rest.
    assert counted["render"] == views + 2 * views * len(reports) + 2 * views * len(CHARACTERS)
    assert reports[: len(CHARACTERS)] == reports[len(CHARACTERS) :]
