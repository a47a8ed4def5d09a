"""Pulling over HTTP and from a folder: whole or not at all, resumed, and never another content than the first time."""

from __future__ import annotations

import fcntl
import hashlib
import json
from pathlib import Path

import pytest

from model_store.catalogue import find_manifest
from model_store.lock import forget_lock, read_lock
from model_store.manifest import FolderSource, HubSource, Manifest, UrlSource
from model_store.pull import pull
from model_store.sources import parse_source, safe_path
from model_store.status import check_hashes, resolve, status_of
from model_store.transfer import Patience
from tests.model_store.fake_hub import COMMIT, FakeHub
from workers.contract.errors import InvalidOptions, ModelUnavailable

AT_ONCE = Patience(attempts=3, first_pause_s=0.0)
WEIGHTS = "model.safetensors"


@pytest.fixture
def clip() -> Manifest:
    """The project's own manifest, with its source on the fake hub."""
    return find_manifest("clip").model_copy(update={"source": HubSource(id="owner/model")})


def partial(model_folder: Path) -> Path:
    return model_folder / ".partial" / "clip@1"


def test_a_hub_model_is_installed_and_recorded(hub: FakeHub, clip: Manifest, model_folder: Path) -> None:
    seen: dict[str, tuple[int, int | None]] = {}
    before = status_of(clip)
    assert (before.state, before.remedy) == ("missing", "retarget models pull clip@1")
    status = pull(clip, progress=lambda path, done, total: seen.update({path: (done, total)}), patience=AT_ONCE)
    assert status.state == "ready" and status.revision == COMMIT
    folder = model_folder / "clip" / "1"
    wanted = {"config.json", "preprocessor_config.json", "tokenizer.json", WEIGHTS}
    assert {path.name for path in folder.iterdir()} == wanted | {"manifest.json"}
    for name in wanted:
        assert (folder / name).read_bytes() == hub.files[name]
        assert seen[name] == (len(hub.files[name]), len(hub.files[name]))
    lock = read_lock(clip)
    assert lock is not None and lock.revision == COMMIT
    assert lock.files[WEIGHTS].sha256 == hashlib.sha256(hub.files[WEIGHTS]).hexdigest()
    assert status.bytes == sum(len(hub.files[name]) for name in wanted) == lock.bytes
    assert not partial(model_folder).exists()
    installed = resolve("clip")
    assert installed.folder == folder and installed.identity.startswith("clip@1:")
    assert check_hashes(clip).state == "ready"


def test_what_is_ready_is_not_asked_for_again(hub: FakeHub, clip: Manifest) -> None:
    pull(clip, patience=AT_ONCE)
    asked = len(hub.requests)
    assert pull(clip, patience=AT_ONCE).state == "ready"
    assert len(hub.requests) == asked


def test_older_weights_are_taken_where_there_are_no_others(hub: FakeHub, clip: Manifest, model_folder: Path) -> None:
    del hub.files[WEIGHTS]
    pull(clip, patience=AT_ONCE)
    assert (model_folder / "clip" / "1" / "pytorch_model.bin").is_file()


def test_a_broken_connection_is_resumed_where_it_stopped(hub: FakeHub, clip: Manifest) -> None:
    hub.break_after[WEIGHTS] = [1_000_000, 500_000]
    assert pull(clip, patience=AT_ONCE).state == "ready"
    ranges = [asked for path, asked in hub.requests if path == f"/store/{WEIGHTS}"]
    assert ranges == [None, "bytes=1000000-", "bytes=1500000-"]
    assert check_hashes(clip).state == "ready"


def test_a_later_command_goes_on_too(hub: FakeHub, clip: Manifest, model_folder: Path) -> None:
    hub.break_after[WEIGHTS] = [1_000_000, 0, 0]
    with pytest.raises(ModelUnavailable, match=r"3 tries; run the command again: it goes on"):
        pull(clip, patience=AT_ONCE)
    assert status_of(clip).state == "missing"
    assert (partial(model_folder) / f"{WEIGHTS}.part").stat().st_size == 1_000_000
    hub.served_bytes = 0
    assert pull(clip, patience=AT_ONCE).state == "ready"
    assert hub.served_bytes < len(hub.files[WEIGHTS]) - 900_000


def test_a_file_that_changed_meanwhile_is_taken_whole(hub: FakeHub, clip: Manifest) -> None:
    hub.break_after[WEIGHTS] = [1_000_000, 0, 0]
    with pytest.raises(ModelUnavailable):
        pull(clip, patience=AT_ONCE)
    hub.files[WEIGHTS] = hub.files[WEIGHTS][::-1]
    assert pull(clip, patience=AT_ONCE).state == "ready"
    assert check_hashes(clip).state == "ready"


def test_a_server_without_ranges_sends_it_all_again(hub: FakeHub, clip: Manifest) -> None:
    hub.ignore_ranges = True
    hub.break_after[WEIGHTS] = [1_000_000]
    assert pull(clip, patience=AT_ONCE).state == "ready"
    assert check_hashes(clip).state == "ready"


def test_content_that_is_not_what_the_listing_promised_is_refused(
    hub: FakeHub, clip: Manifest, model_folder: Path
) -> None:
    promised = hub._listing()
    hub.wrong_listing = promised
    hub.files[WEIGHTS] = hub.files[WEIGHTS][:-1] + b"!"
    with pytest.raises(ModelUnavailable, match=r"model\.safetensors has sha256 .* nothing was installed"):
        pull(clip, patience=AT_ONCE)
    assert status_of(clip).state == "missing" and not (model_folder / "clip" / "1").exists()
    hub.files[WEIGHTS] += b"longer than promised"
    with pytest.raises(ModelUnavailable, match="expected 3,072,000; the source holds another file"):
        pull(clip, patience=AT_ONCE)


def test_trust_on_first_use(hub: FakeHub, clip: Manifest, model_folder: Path) -> None:
    """A small file, of which the hub tells no hash, must stay what it was at the first pull."""
    pull(clip, patience=AT_ONCE)
    (model_folder / "clip" / "1" / "config.json").unlink()
    assert status_of(clip).state == "corrupt"
    hub.files["config.json"] = hub.files["config.json"].replace(b"clip", b"CLIP")
    with pytest.raises(ModelUnavailable, match=r"config\.json .* by its first pull; .*--accept-change"):
        pull(clip, patience=AT_ONCE)
    forget_lock(clip)
    assert pull(clip, patience=AT_ONCE).state == "ready"
    assert b"CLIP" in (model_folder / "clip" / "1" / "config.json").read_bytes()


def test_a_lost_model_is_pulled_again_at_the_same_commit(hub: FakeHub, clip: Manifest, model_folder: Path) -> None:
    pull(clip, patience=AT_ONCE)
    for path in (model_folder / "clip" / "1").iterdir():
        path.unlink()
    hub.requests.clear()
    assert pull(clip, patience=AT_ONCE).state == "ready"
    assert hub.requests[0][0].endswith(f"/revision/{COMMIT}")


def test_corruption_is_found_and_repaired(hub: FakeHub, clip: Manifest, model_folder: Path) -> None:
    pull(clip, patience=AT_ONCE)
    weights = model_folder / "clip" / "1" / WEIGHTS
    content = bytearray(weights.read_bytes())
    content[5] ^= 1
    weights.write_bytes(content)
    assert status_of(clip).state == "ready"  # by size
    found = check_hashes(clip)
    assert found.state == "corrupt" and found.remedy == "retarget models pull clip@1"
    weights.write_bytes(content[:100])
    with pytest.raises(ModelUnavailable, match=r"has 100 bytes, expected 3,072,000; run: retarget models pull clip@1"):
        resolve("clip")
    assert pull(clip, patience=AT_ONCE).state == "ready"
    assert check_hashes(clip).state == "ready"


def test_a_model_that_is_not_here_names_the_command() -> None:
    with pytest.raises(
        ModelUnavailable, match=r"blip-itm@1: it is not installed; run: retarget models pull blip-itm@1"
    ):
        resolve("blip-itm")


@pytest.mark.parametrize("status", [401, 404, 500])
def test_a_hub_that_refuses_is_a_typed_error(hub: FakeHub, clip: Manifest, status: int) -> None:
    hub.fail_with = status
    with pytest.raises(ModelUnavailable, match=f"answered {status}"):
        pull(clip, patience=AT_ONCE)


@pytest.mark.parametrize("listing", [b"<html>", b"[]", b'{"sha": "1"}', b'{"sha": "1", "siblings": [3]}'])
def test_an_answer_that_is_no_listing_is_a_typed_error(hub: FakeHub, clip: Manifest, listing: bytes) -> None:
    hub.wrong_listing = listing
    with pytest.raises(ModelUnavailable, match="not a hub's answer"):
        pull(clip, patience=AT_ONCE)


def test_a_hub_that_is_away_is_a_typed_error(clip: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelUnavailable, match=r"127\.0\.0\.1:9.*or pull from a folder"):
        pull(clip, patience=AT_ONCE)


def test_a_source_without_weights_is_refused(hub: FakeHub, clip: Manifest) -> None:
    del hub.files[WEIGHTS], hub.files["pytorch_model.bin"]
    with pytest.raises(ModelUnavailable, match=r"hub:owner/model has no model\*\.safetensors or pytorch_model\*\.bin"):
        pull(clip, patience=AT_ONCE)


@pytest.mark.parametrize("path", ["../evil", "/etc/passwd", "a/../../b", "a\\b", "", "x" * 300])
def test_paths_that_leave_the_folder_are_refused(path: str, hub: FakeHub, clip: Manifest) -> None:
    with pytest.raises(ModelUnavailable, match="outside its own folder"):
        safe_path(path)
    hub.files = {path or "//": b"", **hub.files}
    with pytest.raises(ModelUnavailable, match="outside its own folder"):
        pull(clip, patience=AT_ONCE)


def test_a_web_folder_with_a_manifest(hub: FakeHub, clip: Manifest, model_folder: Path) -> None:
    """The manifest on the server lists the files with sizes and hashes."""
    names = ["config.json", WEIGHTS]
    entries = [
        {"path": name, "bytes": len(hub.files[name]), "sha256": hashlib.sha256(hub.files[name]).hexdigest()}
        for name in names
    ]
    listed = json.loads(clip.model_dump_json()) | {"files": entries}
    hub.files["manifest.json"] = json.dumps(listed).encode()
    hub.break_after[WEIGHTS] = [700_000]
    own = clip.model_copy(update={"name": "mine", "files": (), "source": UrlSource(url=f"{hub.url}/store/")})
    assert pull(own, patience=AT_ONCE).state == "ready"
    assert (model_folder / "mine" / "1" / WEIGHTS).read_bytes() == hub.files[WEIGHTS]
    assert find_manifest("mine").source == own.source
    hub.files[WEIGHTS] = hub.files[WEIGHTS][::-1]
    (model_folder / "mine" / "1" / WEIGHTS).unlink()
    with pytest.raises(ModelUnavailable, match="by its source or manifest"):
        pull(own, patience=AT_ONCE)


def test_a_web_folder_cannot_be_guessed_at(hub: FakeHub, clip: Manifest) -> None:
    with pytest.raises(ModelUnavailable, match="must be named in full"):
        pull(clip, UrlSource(url=f"{hub.url}/store"), patience=AT_ONCE)
    hub.files["manifest.json"] = b"{}"
    with pytest.raises(ModelUnavailable, match="not a model manifest"):
        pull(clip.model_copy(update={"files": ()}), UrlSource(url=f"{hub.url}/store"), patience=AT_ONCE)


def make_folder(hub: FakeHub, folder: Path) -> Path:
    folder.mkdir()
    for name, content in hub.files.items():
        (folder / name).write_bytes(content)
    return folder


def test_a_local_folder(hub: FakeHub, clip: Manifest, tmp_path: Path, model_folder: Path) -> None:
    source = parse_source(str(make_folder(hub, tmp_path / "disk")))
    assert isinstance(source, FolderSource)
    assert pull(clip, source).state == "ready"
    assert not hub.requests
    assert find_manifest("clip").source != source  # the project's manifest stays
    lock = read_lock(clip)
    assert lock is not None and lock.source == source and lock.revision is None
    # A folder of ours, copied from another machine, is a source like any other; its manifest is not a file of it.
    moved = (model_folder / "clip" / "1").rename(tmp_path / "moved")
    assert pull(clip.model_copy(update={"files": ()}), parse_source(str(moved))).state == "ready"
    assert check_hashes(clip).state == "ready"


def test_two_at_once_do_not_meet(hub: FakeHub, clip: Manifest, model_folder: Path) -> None:
    busy = model_folder / ".partial" / "clip@1.busy"
    busy.parent.mkdir(parents=True)
    with busy.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(ModelUnavailable, match="being pulled by another process"):
            pull(clip, patience=AT_ONCE)
    assert pull(clip, patience=AT_ONCE).state == "ready"


def test_a_full_disk_is_told_before_the_download(hub: FakeHub, clip: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model_store.pull.FREE_SPACE_MARGIN_BYTES", 2**60)
    with pytest.raises(ModelUnavailable, match="make room or set RETARGET_MODEL_DIR"):
        pull(clip, patience=AT_ONCE)
    assert not [path for path, _ in hub.requests if path.startswith("/store/")]


def test_a_folder_that_cannot_be_written_is_a_typed_error(
    hub: FakeHub, clip: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("RETARGET_MODEL_DIR", str(tmp_path / "file"))
    with pytest.raises(ModelUnavailable, match="set RETARGET_MODEL_DIR"):
        pull(clip, patience=AT_ONCE)


@pytest.mark.parametrize("text", ["hub:nothing", "https://", "/no/such/folder"])
def test_a_source_that_is_none_is_wrong_usage(text: str) -> None:
    with pytest.raises(InvalidOptions, match="--from"):
        parse_source(text)


def test_hub_sources_may_name_a_revision() -> None:
    assert parse_source("hub:owner/model@v2") == HubSource(id="owner/model", revision="v2")
    assert parse_source("hub:owner/model") == HubSource(id="owner/model", revision="main")
