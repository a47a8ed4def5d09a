"""Settings of a worker: functions named as an earlier version had them are found where they are now."""

from __future__ import annotations

import importlib

import pytest

from workers.queue.settings import MOVED_FUNCTIONS, WorkerSettings, worker_settings


@pytest.mark.parametrize(
    ("setting", "before"),
    [("retarget_engine", "workers.scene_engine:retarget"), ("inspect_engine", "workers.inspection:inspect_scene")],
)
def test_a_function_that_has_moved_is_the_default_of_today(
    setting: str, before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"RETARGET_{setting.upper()}", before)
    assert getattr(worker_settings(), setting) == WorkerSettings.model_fields[setting].default


@pytest.mark.parametrize("now", MOVED_FUNCTIONS.values())
def test_where_it_is_now_it_is(now: str) -> None:
    module, _, name = now.partition(":")
    assert callable(getattr(importlib.import_module(module), name))


def test_a_function_of_the_users_own_is_left_alone() -> None:
    assert worker_settings(retarget_engine="studio:retarget").retarget_engine == "studio:retarget"
