"""Hostile files: seeded mutations over HTTP and the command line leave nothing but results and typed errors behind."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.node_packages import require_validator
from workers.contract.errors import ERRORS_BY_CODE
from workers.formats.gltf.container import split_container
from workers.formats.limits import DEFAULT_LIMITS
from workers.lab.hostile.command import WarmCommand
from workers.lab.hostile.files import HostileFile, malformed_files, mutations, source_files
from workers.lab.hostile.http import ServerLog
from workers.lab.hostile.mutations import ANY, MUTATORS, json_values, mutate
from workers.lab.hostile.run import WAYS, Case, HostileStudy, Outcome, Tally, plan
from workers.samples.write import sample_files

SEED = 20


@pytest.fixture(scope="module")
def sources() -> dict[str, list[tuple[str, bytes]]]:
    """Good files to damage: our samples, and real ones where they are."""
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("RETARGET_SHARED_DATA", beside))
    return source_files(folder if folder.is_dir() else None)


@pytest.mark.timeout(240)
def test_a_hundred_mutations(sources: dict[str, list[tuple[str, bytes]]], capsys: pytest.CaptureFixture[str]) -> None:
    """Each as motion or as character, over HTTP or the command line, in turn."""
    outcomes: list[Outcome] = []
    with HostileStudy(jobs=2, with_http=True) as study:
        tally = study.run(plan(mutations(sources, 100, SEED), WAYS, every_combination=False), outcomes.append)
    with capsys.disabled():
        print(f"\nhostile: { ({way: dict(codes) for way, codes in tally.codes.items()}) }, {tally.parser_peak_mib} MiB")
    bad = [o for o in outcomes if o.crashed or o.traced or o.hung or o.fatal or o.code in ("internal", "none")]
    assert tally.clean, bad
    assert tally.cases == 100 and set(tally.codes) == {
        f"{way} {role}" for way in WAYS for role in ("motion", "character")
    }
    assert {outcome.code for outcome in outcomes} <= {"ok", *ERRORS_BY_CODE}
    assert sum(codes["parse-failed"] for codes in tally.codes.values()) > 20
    assert 0 < tally.parser_peak_mib < 1024 and 0 < tally.command_peak_mib < 2048


@pytest.mark.parametrize("kind", MUTATORS)
def test_mutations_repeat_with_their_seed_and_change_something(kind: str) -> None:
    samples = sample_files()
    data = samples["stout.glb"] if kind in ("glb", "fbx") else samples["clap.bvh"]
    if kind == "gltf":
        data = b'{"asset":{"version":"2.0"},"nodes":[{"name":"a","children":[1]},{"name":"b"}]}'
    made = [mutate(data, kind, random.Random(f"{kind}/{n}")) for n in range(30)]
    assert made == [mutate(data, kind, random.Random(f"{kind}/{n}")) for n in range(30)]
    assert sum(damaged != data for _, damaged in made) > 25
    assert all(damaged for _, damaged in made)
    names = {name for how, _ in made for name in how.split("+")}
    assert names <= {mutator.__name__ for mutator in (*ANY, *MUTATORS[kind])} and len(names) > 3


def test_changed_json_lies_in_a_right_container() -> None:
    """Else every such mutation would be refused for its lengths, and nothing behind them be tried."""
    data = sample_files()["stout.glb"]
    for number in range(40):
        damaged = json_values(data, random.Random(number))
        if b"\\ud800" not in damaged:
            assert (
                split_container(damaged, "x.glb", DEFAULT_LIMITS).binary
                == split_container(data, "x.glb", DEFAULT_LIMITS).binary
            )


def test_cases_cover_every_combination(sources: dict[str, list[tuple[str, bytes]]]) -> None:
    files = list(mutations(sources, 8, SEED))
    assert len({case.file.label for case in plan(files, WAYS, every_combination=True)}) == 8
    assert len(list(plan(files, WAYS, every_combination=True))) == 32
    assert [(c.role, c.way) for c in plan(files[:4], WAYS, every_combination=False)] == [
        ("motion", "cli"), ("character", "cli"), ("motion", "http"), ("character", "http")
    ]  # fmt: skip


def test_malformed_files_come_with_their_neighbours(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    for name in ("below/a.gltf", "below/a.bin", "below/a.gltf.report.json", "b.glb", "notes.txt"):
        (tmp_path / name).write_bytes(name.encode())
    found = {file.label: dict(file.neighbours) for file in malformed_files(tmp_path)}
    assert found == {"below/a.gltf": {"a.bin": b"below/a.bin"}, "b.glb": {}}


def test_a_process_that_dies_or_hangs_is_noticed() -> None:
    command = WarmCommand(timeout_s=60.0)
    try:
        assert command.call(["inspect", "/absent.bvh"]).stderr.startswith("error: file-not-found: ")
        command._started().kill()
        died = command.call(["--help"])
        assert died.exit_code is None and not died.hung and "SIGKILL" in died.death
        assert command.call(["--help"]).exit_code == 0
        hung = WarmCommand(timeout_s=0.001)
        assert hung.call(["--help"]).hung
    finally:
        command.close()


def test_each_fault_spoils_the_tally() -> None:
    fine = Outcome("x", "glb", "motion", "cli", "parse-failed", "", 0.1)
    tally = Tally()
    tally.add(fine)
    assert tally.clean and json.loads(json.dumps(tally.to_dict()))["codes"] == {"cli motion": {"parse-failed": 1}}
    for fault in ({"crashed": True}, {"traced": True}, {"hung": True}, {"fatal": True}, {"code": "internal"}):
        spoiled = Tally()
        spoiled.add(Outcome(**{**vars(fine), **fault}))
        assert not spoiled.clean, fault


def test_what_a_servers_log_tells() -> None:
    log = ServerLog(
        "x.glb: the parsing process held at most 64 MiB\ny.glb: the parsing process held at most 128 MiB\n"
        "y.glb: the parsing process ended with signal 11 (SIGSEGV)\n"
        "job_1: queued again after attempt 1: its worker process died of signal 9 (SIGKILL)\n"
        "job_2: job process killed: the job did not end\nworker 1 ended with exit code 1; starting it again in 0.2 s\n"
        "Traceback (most recent call last):\n"
    )
    assert (log.worker_deaths, log.parser_deaths, log.tracebacks, log.parser_peak_mib) == (3, 1, 1, 128)


def test_structural_faults_are_what_the_validator_says() -> None:
    """A scene index that leads nowhere is fatal, a colour out of range is not."""
    require_validator()
    with HostileStudy(jobs=1, with_http=False) as study:
        broken = b'{"asset":{"version":"2.0"},"scene":4,"nodes":[{}]}'
        gaudy = b'{"asset":{"version":"2.0"},"materials":[{"pbrMetallicRoughness":{"metallicFactor":7}}]}'
        assert study._errors_of(HostileFile("x", "x.gltf", broken, "gltf"))[1]
        codes, fatal = study._errors_of(HostileFile("y", "y.gltf", gaudy, "gltf"))
        assert codes == {"VALUE_NOT_IN_RANGE"} and not fatal
        outcome = study._one(Case(HostileFile("x", "x.gltf", broken, "gltf"), "motion", "cli"))
        assert outcome.code not in ("ok", "none", "internal", "crash")


def test_the_command_refuses_a_folder_that_is_not_there() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "service.cli", "evaluate", "hostile", "--data", "/absent"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and done.stderr.startswith("error: invalid-options: --data")
