"""Roles of a rig that was seen before are not looked for again; those of another are."""

from __future__ import annotations

from typing import Any

import pytest

from workers.contract.options import JobOptions, MappingOverride
from workers.formats.bundle import FileBundle
from workers.formats.read import read_scene
from workers.preparation import prepare
from workers.preparation.prepare import PreparedMotion, prepare_motion
from workers.skeleton.find_roles.find import find_roles

Samples = dict[str, FileBundle]


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    found: list[Any] = []

    def told(*given: Any, **named: Any) -> Any:
        found.append(find_roles(*given, **named))
        return found[-1]

    monkeypatch.setattr("workers.preparation.prepare.find_roles", told)
    prepare._known_roles.clear()
    return found


def prepared(samples: Samples, name: str, **mapping: Any) -> PreparedMotion:
    return prepare_motion(read_scene(samples[name]), 0, JobOptions(mapping=MappingOverride(**mapping)))


def test_motions_of_one_rig_share_its_roles(samples: Samples, searches: list[Any]) -> None:
    first = prepared(samples, "walk.bvh")
    count = len(searches)
    again = prepared(samples, "wave.bvh")
    assert len(searches) == count
    assert again.body.mapping.roles == first.body.mapping.roles


def test_another_rig_and_a_mapping_that_is_given_are_looked_at(samples: Samples, searches: list[Any]) -> None:
    prepared(samples, "walk.bvh")
    count = len(searches)
    changed = samples["walk.bvh"].data.replace(b"leftFoot", b"leftPaddle")
    prepared({"other.bvh": FileBundle("other.bvh", changed)}, "other.bvh")
    assert len(searches) > count
    count = len(searches)
    without = prepared(samples, "walk.bvh", source={"leftToes": None})
    assert len(searches) > count
    assert not without.body.has("leftToes")
    assert prepared(samples, "walk.bvh").body.has("leftToes")
