"""Names of uploaded files are labels: nothing in them reaches a disk, a header or a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.files.form import safe_file_name


@pytest.mark.parametrize(
    ("given_name", "safe"),
    [
        ("hero.glb", "hero.glb"),
        ("../../etc/passwd", "etc/passwd"),
        ("C:\\users\\me\\hero.glb", "users/me/hero.glb"),
        ("/abs/walk.bvh", "abs/walk.bvh"),
        ("textures/skin.png", "textures/skin.png"),
        ("a\r\nSet-Cookie: b\x00.png", "aSet-Cookie: b.png"),
        ("\u202egpj.exe", "gpj.exe"),
        ("cafe\u0301.glb", "café.glb"),
        ("", "motion"),
        ("..", "motion"),
        (" . / .. / ", "motion"),
    ],
)
def test_examples(given_name: str, safe: str) -> None:
    assert safe_file_name(given_name, 200, "motion") == safe


@given(st.text(max_size=300), st.integers(8, 50))
def test_any_name_becomes_a_short_relative_path(name: str, max_chars: int) -> None:
    safe = safe_file_name(name, max_chars, "motion")
    assert 0 < len(safe) <= max_chars
    assert not safe.startswith("/") and "\\" not in safe and safe.isprintable()
    assert not {"..", ".", ""} & set(safe.split("/"))
    assert safe_file_name(safe, max_chars, "motion") == safe or ":" in safe


def test_a_long_name_keeps_its_extension() -> None:
    assert safe_file_name("a" * 500 + ".glb", 20, "motion").endswith("a.glb")
