"""The table of retargeting methods, and two methods added to it as a newcomer adds one: with and without weights.

A method to stay touches its own file, a row in `workers.retargeting.methods`, its published name in
`workers.contract.options.MethodName`, and a test like these; a learned one also its folder in `model_store`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, get_args

import pytest

from model_store.status import InstalledModel
from service.cli import main
from workers.contract.errors import InvalidOptions, ModelUnavailable
from workers.contract.options import JobOptions, MethodName, parse_options
from workers.engine.engine import EngineResult, retarget_scenes
from workers.formats.bundle import FileBundle
from workers.formats.gltf.read import read_gltf
from workers.formats.read import read_scene
from workers.retargeting import methods
from workers.retargeting.copy_rest import copy_rest, shared_roles
from workers.retargeting.methods import METHODS, Method, availability, choose_method
from workers.retargeting.retargeter import TransferInput, Transferred

Samples = dict[str, FileBundle]
FROM_FEET = ("foot_float_cm", "ground_penetration_cm")
WEIGHTS = b"any weights"


class CopyRetargeter:
    """The method of this test: the naive copy."""

    def retarget(self, given: TransferInput) -> Transferred:
        source, target = given.source.motion, given.target.body
        keyed = tuple(target.mapping.roles[role].joint for role in shared_roles(source.body, target))
        return Transferred(copy_rest(source, target, given.source_floor_m), keyed)


class LearnedRetargeter(CopyRetargeter):
    """The same with weights, which it only reads."""

    def __init__(self, model: InstalledModel) -> None:
        self.weights = (model.folder / "weights.safetensors").read_bytes()


COPY = Method("copy", "the naive copy", f"{__name__}:CopyRetargeter")
LEARNED = Method("learned", "the copy with weights", f"{__name__}:LearnedRetargeter", learned=True)


@pytest.fixture(autouse=True)
def model_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RETARGET_MODEL_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def more_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods, "METHODS", (*METHODS, COPY, LEARNED))


def write_manifest(folder: Path, name: str, runs: str) -> Path:
    """A model of the user's own that runs the retargeter `runs`; its weights are not pulled. Returns a source of it."""
    (folder / name / "1").mkdir(parents=True)
    source = folder / f"source of {name}"
    source.mkdir()
    (source / "weights.safetensors").write_bytes(WEIGHTS)
    entry = {"path": "weights.safetensors", "bytes": len(WEIGHTS), "sha256": hashlib.sha256(WEIGHTS).hexdigest()}
    manifest: dict[str, Any] = {"name": name, "version": "1", "title": name, "licence": {"id": "CC0-1.0"}}
    manifest |= {"runs": {"kind": "retargeter", "name": runs}, "source": {"kind": "folder", "path": str(source)}}
    (folder / name / "1" / "manifest.json").write_text(json.dumps({**manifest, "files": [entry]}))
    return source


def run(samples: Samples, method: str, **options: Any) -> EngineResult:
    """Only published names pass the options' own check; one of a test, or still in the making, is put in after it."""
    chosen = parse_options({"foot_contact": "off", **options}).model_copy(update={"method": method})
    return retarget_scenes(read_scene(samples["wave.bvh"]), read_scene(samples["stout.glb"]), chosen)


def listed_methods(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """By name, as `retarget models list --json` and GET /v1/models show them."""
    capsys.readouterr()
    assert main(["models", "list", "--json"]) == 0
    return {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)["methods"]}


def test_every_published_name_but_auto_has_its_row() -> None:
    published = JobOptions.model_json_schema()["properties"]["method"]["enum"]
    assert published == list(get_args(MethodName))
    assert sorted(published) == sorted(["auto", *(method.name for method in METHODS)])


@pytest.mark.parametrize("method", [method for method in METHODS if availability(method).reason is None])
def test_what_needs_nothing_opens_and_is_kept(method: Method) -> None:
    assert method.open() is method.open()


def test_auto_takes_the_first_that_is_available(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_method("auto").name == choose_method("analytic").name == "analytic"
    monkeypatch.setattr(methods, "METHODS", (LEARNED, COPY, METHODS[0]))
    assert choose_method("auto") is COPY


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(InvalidOptions, match="/method"):
        parse_options({"method": "copy"})
    with pytest.raises(InvalidOptions, match="there is no 'copy'; known: auto, analytic, smt"):
        choose_method("copy")


def test_a_learned_method_says_what_it_lacks(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods, "METHODS", (METHODS[0], Method("later", "a later network", None, learned=True)))
    with pytest.raises(ModelUnavailable) as caught:
        choose_method("later")
    assert caught.value.detail == (
        "method: a later network has no weights in model_store yet; use 'auto' or 'analytic'"
    )
    write_manifest(model_folder, "mine", runs="later")
    with pytest.raises(ModelUnavailable, match="this version has no code that runs mine@1; use 'auto' or 'analytic'"):
        choose_method("later")


def test_a_method_without_its_package_says_so() -> None:
    with pytest.raises(ModelUnavailable, match=r"needs the package no_such_package.*or use 'analytic'"):
        Method("later", "a later network", "no_such_package.retargeter:Later").open()


@pytest.mark.usefixtures("more_methods")
def test_a_new_method_runs_is_reported_and_is_listed(samples: Samples, capsys: pytest.CaptureFixture[str]) -> None:
    report = run(samples, "copy").report
    assert report["engine"]["method"] == "copy"
    analytic = run(samples, "auto").report
    assert analytic["engine"]["method"] == "analytic"
    scores, of_copy = ([report[key][name] for name in FROM_FEET] for key in ("scores", "scores_naive_copy"))
    assert scores == of_copy != [analytic["scores"][name] for name in FROM_FEET]
    assert listed_methods(capsys)["copy"] == {
        "name": "copy", "title": "the naive copy", "available": True, "model": None, "reason": None
    }  # fmt: skip


@pytest.mark.usefixtures("more_methods")
def test_only_what_a_method_turns_is_keyed(samples: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    def keyed(method: str) -> set[str]:
        ((name, data),) = run(samples, method).artifacts.items()
        document = read_gltf(FileBundle(name, data)).document.document.json
        targets = [channel["target"] for channel in document["animations"][-1]["channels"]]
        return {document["nodes"][target["node"]]["name"] for target in targets if target["path"] == "rotation"}

    whole = keyed("copy")

    def without_head(self: CopyRetargeter, given: TransferInput) -> Transferred:
        done, head = retarget(self, given), given.target.body.mapping.roles["head"].joint
        return Transferred(done.motion, tuple(joint for joint in done.keyed if joint != head))

    retarget = CopyRetargeter.retarget
    monkeypatch.setattr(CopyRetargeter, "retarget", without_head)
    assert whole - keyed("copy") == {"head"}


@pytest.mark.usefixtures("more_methods")
def test_a_learned_method_waits_for_its_weights(
    samples: Samples, model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ModelUnavailable, match="the copy with weights has no weights in model_store yet"):
        run(samples, "learned")
    source = write_manifest(model_folder, "mine", runs="learned")
    with pytest.raises(
        ModelUnavailable, match=r"run: retarget models pull mine@1; use 'auto' or 'analytic' or 'smt' or 'copy'"
    ):
        run(samples, "learned")
    assert listed_methods(capsys)["learned"]["model"] == "mine@1" and not listed_methods(capsys)["learned"]["available"]
    assert main(["models", "pull", "mine", "--from", str(source)]) == 0
    assert listed_methods(capsys)["learned"]["available"]
    assert LEARNED.open() is LEARNED.open() and LEARNED.open().weights == WEIGHTS  # type: ignore[attr-defined]
    assert run(samples, "learned").report["engine"]["method"] == "learned"


def test_a_model_of_the_methods_own_name_goes_before_others(model_folder: Path) -> None:
    for name in ("aaa", "learned", "zzz"):
        write_manifest(model_folder, name, runs="learned")
    assert availability(LEARNED).model == "learned@1"
