"""The validator helper: it judges, counts, compares, and says when it is not installed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.node_packages import require_validator
from workers.lab import gltf_validator

GOOD = {"asset": {"version": "2.0"}, "nodes": [{"name": "a"}], "scenes": [{"nodes": [0]}]}


def encoded(document: object) -> bytes:
    return json.dumps(document).encode()


def test_reports_errors_by_code() -> None:
    require_validator()
    good = gltf_validator.validate(encoded(GOOD))
    bad = gltf_validator.validate(encoded(GOOD | {"nodes": [{"children": [4]}, {"mesh": 2}]}))
    assert not gltf_validator.error_counts(good)
    assert gltf_validator.error_counts(bad)["UNRESOLVED_REFERENCE"] == 2
    assert gltf_validator.new_errors(good, bad)["UNRESOLVED_REFERENCE"] == 2
    assert not gltf_validator.new_errors(bad, bad)
    assert gltf_validator.error_counts(gltf_validator.validate(b"\1\2\3")) == {"FAILURE": 1}
    with_buffer = GOOD | {"buffers": [{"byteLength": 4, "uri": "a%20b.bin"}]}
    assert gltf_validator.error_counts(gltf_validator.validate(encoded(with_buffer))) == {"IO_ERROR": 1}
    assert not gltf_validator.error_counts(gltf_validator.validate(encoded(with_buffer), {"a b.bin": b"1234"}))


def test_a_missing_package_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RETARGET_GLTF_VALIDATOR", str(tmp_path))
    assert gltf_validator.find_validator() is None
    with pytest.raises(RuntimeError, match="install_node_packages"):
        gltf_validator.validate(b"")
