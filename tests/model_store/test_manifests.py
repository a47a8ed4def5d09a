"""The project's own manifests, and what a manifest may say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from model_store.catalogue import find_manifest, manifests, read_manifest
from model_store.manifest import FileEntry, HubSource, Manifest, Runs
from model_store.places import PACKAGED, model_dir
from workers.contract.errors import InvalidOptions, ModelUnavailable
from workers.semantics.choice import choose_encoder

HUB_MODELS = {
    "blip-itm": "Salesforce/blip-itm-base-coco",
    "blip-vqa": "Salesforce/blip-vqa-base",
    "blip2-itm": "Salesforce/blip2-itm-vit-g",
    "blip2-flan-t5": "Salesforce/blip2-flan-t5-xl",
    "instructblip": "Salesforce/instructblip-flan-t5-xl",
    "clip": "openai/clip-vit-base-patch32",
    "siglip2": "google/siglip2-base-patch16-224",
    "xclip": "microsoft/xclip-base-patch32",
}


def own_manifests() -> list[Path]:
    return sorted(PACKAGED.glob("*/*/manifest.json"))


def test_every_own_manifest_lies_where_its_name_says() -> None:
    found = own_manifests()
    assert len(found) >= len(HUB_MODELS)
    for path in found:
        manifest = read_manifest(path)
        assert (path.parent.parent.name, path.parent.name) == (manifest.name, manifest.version)
        assert manifest.title and manifest.licence.id


@pytest.mark.parametrize("name", sorted(HUB_MODELS))
def test_hub_models_name_their_source_and_a_licence_or_that_it_is_unknown(name: str) -> None:
    manifest = find_manifest(name)
    assert isinstance(manifest.source, HubSource) and manifest.source.id == HUB_MODELS[name]
    assert manifest.licence.id in ("BSD-3-Clause", "MIT", "Apache-2.0", "unknown")
    assert manifest.licence.note
    assert all(entry.sha256 is None for entry in manifest.files), "hashes of files nobody here has seen"
    assert manifest.dtype.cuda == ("bfloat16" if "t5" in manifest.source.id else "float32")


def test_packaged_models_list_sizes_and_hashes() -> None:
    for manifest in manifests():
        if manifest.source.kind == "packaged":
            assert manifest.files, manifest.reference
            assert all(entry.sha256 and entry.bytes is not None for entry in manifest.files), manifest.reference


def test_a_name_takes_its_latest_version(model_folder: Path) -> None:
    for version in ("9", "10", "2"):
        folder = model_folder / "mine" / version
        folder.mkdir(parents=True)
        text = (PACKAGED / "clip" / "1" / "manifest.json").read_text()
        manifest = Manifest.model_validate_json(text).model_copy(update={"name": "mine", "version": version})
        (folder / "manifest.json").write_text(manifest.model_dump_json())
    assert find_manifest("mine").version == "10"
    assert find_manifest("mine@2").version == "2"
    with pytest.raises(InvalidOptions, match=r"no model 'mine@3'; known: .*clip.*mine"):
        find_manifest("mine@3")


def test_a_broken_manifest_is_named(model_folder: Path) -> None:
    path = model_folder / "mine" / "1" / "manifest.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"name": "mine", "surprise": 1}')
    with pytest.raises(ModelUnavailable, match=r"mine/1/manifest\.json"):
        manifests()


def minimal_manifest(**runs: object) -> str:
    said = {"name": "mine", "version": "1", "title": "mine", "source": {"kind": "hub", "id": "a/b"}}
    return json.dumps({**said, "licence": {"id": "MIT"}, **runs})


def test_a_manifest_says_what_it_runs() -> None:
    retargeter = Manifest.model_validate_json(minimal_manifest(runs={"kind": "retargeter", "name": "smt"}))
    assert retargeter.runs == Runs(kind="retargeter", name="smt") and retargeter.encoder is None
    with pytest.raises(ValueError, match="runs"):
        Manifest.model_validate_json(minimal_manifest())


def test_manifests_of_the_first_form_are_read_as_before() -> None:
    """They name an encoder and nothing else; users have such files in their model folders."""
    first = Manifest.model_validate_json(minimal_manifest(encoder="clip"))
    assert first.runs == Runs(kind="encoder", name="clip") and first.encoder == "clip"
    assert Manifest.model_validate_json(first.model_dump_json()) == first
    with pytest.raises(ValueError, match="encoder"):
        Manifest.model_validate_json(minimal_manifest(encoder="clip", runs={"kind": "encoder", "name": "xclip"}))
    with pytest.raises(ValueError, match="runs"):
        Manifest.model_validate_json(minimal_manifest(encoder="no name"))


def test_a_model_that_runs_a_retargeter_is_no_encoder(model_folder: Path) -> None:
    folder = model_folder / "mine" / "1"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(minimal_manifest(runs={"kind": "retargeter", "name": "smt"}))
    with pytest.raises(InvalidOptions, match=r"encoder: model mine@1 runs a retargeter"):
        choose_encoder("mine")


def test_one_hash_cannot_stand_for_many_files() -> None:
    with pytest.raises(ValueError, match="many files"):
        FileEntry(path="*.json", sha256="0" * 64)


def test_the_model_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert model_dir().name == "models"
    monkeypatch.delenv("RETARGET_MODEL_DIR")
    monkeypatch.setenv("RETARGET_DATA_DIR", "/some/data")
    assert model_dir() == Path("/some/data/models")
    monkeypatch.delenv("RETARGET_DATA_DIR")
    monkeypatch.setenv("XDG_DATA_HOME", "/some/share")
    assert model_dir() == Path("/some/share/retarget/models")


def test_listing_and_the_gateways_part_import_neither_torch_nor_transformers() -> None:
    program = (
        "import sys; from service.cli import main; code = main(['models', 'list']); import service.models.endpoints;"
        "heavy = [name for name in ('torch', 'transformers', 'huggingface_hub', 'numpy') if name in sys.modules];"
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    outcome = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert outcome.returncode == 0, outcome.stderr
    assert all(name in outcome.stdout for name in HUB_MODELS)
