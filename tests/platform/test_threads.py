"""Threads of numerical libraries: who says how many, that the libraries hear it, and that none waits by spinning."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workers.platform.threads import COUNTS, WAITING, one_thread, settle_threads, thread_settings, usable_cores

SEEN_BY_TORCH = """
from workers.platform.threads import settle_threads
settle_threads()
import torch
print(torch.get_num_threads())
"""
# The command line must decide before any library reads its variables: numpy is not there yet when it does.
BY_COMMAND = """
import os, sys
import service.cli
assert "numpy" not in sys.modules
code = service.cli.main(["samples", sys.argv[1]])
import torch
print(code, os.environ.get("OMP_WAIT_POLICY"), torch.get_num_threads())
"""


def run(program: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if name not in (*COUNTS, *WAITING, "RETARGET_THREADS")}
    return subprocess.run(
        [sys.executable, *(("-c", program) if program else ()), *words],
        env=plain | environment, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("workers", [1, 2, 3, 1000])
def test_workers_share_the_cores_and_each_has_one(workers: int) -> None:
    chosen = thread_settings({}, workers)
    assert {chosen[name] for name in COUNTS} == {str(max(1, usable_cores() // workers))}


def test_our_variable_overrules_a_librarys_own() -> None:
    chosen = thread_settings({"RETARGET_THREADS": "3", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "7"}, 2)
    assert {chosen[name] for name in COUNTS} == {"3"}


def test_what_the_user_set_of_a_library_stays() -> None:
    chosen = thread_settings({"OMP_NUM_THREADS": "5,2", "IGL_NUM_THREADS": "1", "OMP_WAIT_POLICY": "active"}, 4)
    assert chosen["OMP_NUM_THREADS"] == "5,2"
    assert chosen["IGL_NUM_THREADS"] == "1"
    assert chosen["OPENBLAS_NUM_THREADS"] == "5"
    assert chosen["OMP_WAIT_POLICY"] == "active"


def test_threads_that_wait_sleep() -> None:
    assert thread_settings({})["OMP_WAIT_POLICY"] == "PASSIVE"
    assert one_thread()["OMP_WAIT_POLICY"] == "PASSIVE"


def test_settling_again_changes_nothing() -> None:
    environment = {"RETARGET_THREADS": "2"}
    settle_threads(environment)
    before = dict(environment)
    settle_threads(environment)
    assert environment == before


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", " ", "\u0663"])
def test_what_is_no_number_of_threads_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"RETARGET_THREADS=.*at least 1"):
        thread_settings({"RETARGET_THREADS": text})


@pytest.mark.parametrize(
    ("quota", "cores"), [("max 100000", None), ("50000 100000", 1), ("100000 100000", 1), ("garbage", None)]
)
def test_a_control_groups_limit_counts(quota: str, cores: int | None, tmp_path: Path) -> None:
    path = tmp_path / "cpu.max"
    path.write_text(quota)
    assert usable_cores(path) == (cores or usable_cores(tmp_path / "absent"))


@pytest.mark.parametrize("count", ["1", "2"])
def test_torch_takes_the_number(count: str) -> None:
    done = run(SEEN_BY_TORCH, RETARGET_THREADS=count)
    assert (done.returncode, done.stdout.strip()) == (0, count), done.stderr


def test_the_command_line_decides_before_a_library_is_loaded(tmp_path: Path) -> None:
    done = run(BY_COMMAND, str(tmp_path), RETARGET_THREADS="2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "0 PASSIVE 2"


def test_the_command_line_refuses_in_one_line() -> None:
    done = run("", "-m", "service.cli", "inspect", "nothing.bvh", RETARGET_THREADS="many")
    assert done.returncode == 2
    assert done.stderr.startswith("error: invalid-options: RETARGET_THREADS=many")
    assert len(done.stderr.splitlines()) == 1
