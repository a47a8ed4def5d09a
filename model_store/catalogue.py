"""All models there are manifests for: the project's own, and those installed here under names of their own."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import ValidationError

from model_store.manifest import Manifest, Runs
from model_store.places import PACKAGED, model_dir
from workers.contract.errors import InvalidOptions, ModelUnavailable

MANIFEST_NAME = "manifest.json"


def read_manifest(path: Path) -> Manifest:
    """Raises ModelUnavailable naming the file and what is wrong in it."""
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = "/".join(str(part) for part in first["loc"])
        raise ModelUnavailable(f"model manifest {path}: {where}: {first['msg']}; correct or remove it") from None
    except OSError as error:
        raise ModelUnavailable(f"model manifest {path}: {error.strerror}; make it readable or remove it") from None


def manifests() -> list[Manifest]:
    """Every manifest by name, later versions last. The project's own go before installed ones of the same version."""
    found: dict[tuple[str, str], Manifest] = {}
    for root in (PACKAGED, model_dir()):
        for path in sorted(root.glob(f"[!.]*/[!.]*/{MANIFEST_NAME}")):
            manifest = read_manifest(path)
            found.setdefault((manifest.name, manifest.version), manifest)
    return sorted(found.values(), key=lambda entry: (entry.name, _version_order(entry.version)))


def find_manifest(reference: str) -> Manifest:
    """By `name`, which takes the latest version, or `name@version`. Raises InvalidOptions for one that is not known."""
    name, _, version = reference.partition("@")
    known = manifests()
    matching = [entry for entry in known if entry.name == name and version in ("", entry.version)]
    if not matching:
        names = ", ".join(dict.fromkeys(entry.name for entry in known))
        raise InvalidOptions(f"there is no model {reference[:100]!r}; known: {names}; see: retarget models list")
    return matching[-1]


def find_runner(runs: Runs) -> Manifest | None:
    """The latest model that runs it: the one of the same name where there is one, else the last by name."""
    matching = [entry for entry in manifests() if entry.runs == runs]
    return max(matching, key=lambda entry: entry.name == runs.name, default=None)


def _version_order(version: str) -> list[tuple[int, str]]:
    """Numbers by value, so that 10 comes after 9."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", version)]
