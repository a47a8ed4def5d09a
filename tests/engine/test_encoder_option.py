"""The option `encoder` where no model is at hand: switched off, unknown, missing, and what must not be imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from workers.contract.errors import InvalidOptions, ModelUnavailable
from workers.contract.options import JobOptions, parse_options
from workers.engine.engine import retarget
from workers.formats.bundle import FileBundle
from workers.semantics import choice
from workers.semantics.choice import BUILT_IN, choose_encoder
from workers.semantics.meaning import MeaningStage

Samples = dict[str, FileBundle]

WITHOUT_TORCH = """
import sys
from workers.engine.engine import retarget
from workers.contract.options import parse_options
from workers.formats.bundle import FileBundle
files = [FileBundle(name, open(f"{sys.argv[1]}/{name}", "rb").read()) for name in ("wave.bvh", "stout.glb")]
report = retarget(*files, parse_options({"encoder": "none"})).report
assert report["scores"]["semantic_similarity"] == {"raw": None, "calibrated": None}
print(sorted({"torch", "transformers"} & set(sys.modules)))
"""


@pytest.fixture
def no_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As where nobody has set anything and nothing was pulled."""
    monkeypatch.delenv("RETARGET_ENCODER", raising=False)
    monkeypatch.setenv("RETARGET_MODEL_DIR", str(tmp_path))


def report_of(samples: Samples, **options: Any) -> dict[str, Any]:
    return retarget(samples["wave.bvh"], samples["stout.glb"], JobOptions.model_validate(options)).report


def test_encoder_none_says_so_and_warns_of_nothing(samples: Samples) -> None:
    report = report_of(samples, encoder="none")
    assert report["scores"]["semantic_similarity"] == {"raw": None, "calibrated": None}
    assert report["semantics"] is None
    assert report["timeline"]["semantic_similarity"] is None
    assert "switches" in report["not_applicable"]["semantic_similarity"]
    assert "switches" in report["not_applicable"]["itm"]
    assert not [warning for warning in report["warnings"] if warning["code"] == "meaning-not-measured"]
    json.dumps(report, allow_nan=False)


def test_without_semantic_scores_torch_is_never_imported(samples: Samples, tmp_path: Path) -> None:
    for name in ("wave.bvh", "stout.glb"):
        (tmp_path / name).write_bytes(samples[name].data)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


def test_an_unknown_encoder_is_refused_with_those_there_are(samples: Samples) -> None:
    with pytest.raises(InvalidOptions, match=r"known: .*blip-itm.*none") as caught:
        report_of(samples, encoder="blip")
    assert caught.value.extra["errors"][0]["pointer"] == "/encoder"


@pytest.mark.usefixtures("no_default")
def test_a_named_encoder_that_is_not_here_names_the_command(samples: Samples) -> None:
    stages: list[str] = []
    with pytest.raises(ModelUnavailable, match="retarget models pull blip-itm"):
        retarget(
            samples["wave.bvh"],
            samples["stout.glb"],
            parse_options({"encoder": "blip-itm"}),
            on_stage=lambda name, _: stages.append(name),
        )
    assert "retargeting" not in stages  # before any work


@pytest.mark.usefixtures("no_default")
@pytest.mark.parametrize("package", ["torch", "transformers"])
def test_a_package_that_is_not_installed(package: str, samples: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "find_spec", lambda name: None if name == package else object())
    with pytest.raises(ModelUnavailable, match=f"needs the package {package}.*pip install"):
        choose_encoder("blip-itm")
    monkeypatch.setattr(choice, "BUILT_IN", "blip-itm")  # stands in for the default
    report = report_of(samples)
    assert f"needs the package {package}" in report["not_applicable"]["semantic_similarity"]
    assert [warning["code"] for warning in report["warnings"]].count("meaning-not-measured") == 1
    assert report["scores"]["scl"] is None


@pytest.mark.parametrize("package", ["torch", "safetensors"])
def test_the_built_in_encoder_needs_no_more_than_a_worker_has(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "find_spec", lambda name: None if name == package else object())
    with pytest.raises(ModelUnavailable, match=rf"needs the package {package}.*\[worker\]"):
        choose_encoder("eye")


@pytest.mark.usefixtures("no_default")
def test_the_setting_stands_in_for_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MeaningStage(None).choice.reference in (BUILT_IN, None)
    monkeypatch.setenv("RETARGET_ENCODER", "none")
    assert MeaningStage(None).choice.reference is None
    assert MeaningStage(None).choice.notices == ()
    monkeypatch.setenv("RETARGET_ENCODER", "clip")
    with pytest.raises(ModelUnavailable, match="pull clip"):
        MeaningStage(None)
    assert MeaningStage("none").choice.reference is None


def test_keyframes_have_their_limits() -> None:
    for count in (1, 65):
        with pytest.raises(InvalidOptions, match="keyframes"):
            parse_options({"keyframes": count})
