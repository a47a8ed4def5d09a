"""Stored scenes are found by the version of the readers: every source file of theirs must count."""

from __future__ import annotations

from pathlib import Path

from workers.ingest.stored.reader_version import SOURCES, reader_version
from workers.ingest.stored.scene_store import FORM


def test_a_change_in_a_sub_folder_counts(tmp_path: Path) -> None:
    deep = tmp_path / "formats" / "bvh" / "read.py"
    deep.parent.mkdir(parents=True)
    deep.write_text("a = 1\n")
    before = reader_version(FORM, [tmp_path])
    assert reader_version(FORM, [tmp_path]) == before
    deep.write_text("a = 2\n")
    assert reader_version(FORM, [tmp_path]) != before


def test_a_new_file_and_another_form_count(tmp_path: Path) -> None:
    (tmp_path / "sniff.py").write_text("")
    before = reader_version(FORM, [tmp_path])
    assert reader_version("scene 2", [tmp_path]) != before
    (tmp_path / "gltf").mkdir()
    (tmp_path / "gltf" / "read.py").write_text("")
    assert reader_version(FORM, [tmp_path]) != before


def test_every_reader_is_among_the_sources() -> None:
    """The readers' own files, found by importing them, lie below the folders that are hashed."""
    import workers.formats.bvh.read
    import workers.formats.fbx.read
    import workers.formats.gltf.read
    import workers.ingest.stored.scene_codec
    import workers.skeleton.model

    for module in (
        workers.formats.bvh.read, workers.formats.fbx.read, workers.formats.gltf.read,
        workers.ingest.stored.scene_codec, workers.skeleton.model,
    ):  # fmt: skip
        path = Path(str(module.__file__))
        assert any(folder in path.parents for folder in SOURCES), path
