"""Accessors: what was stored is read, and what lies outside is refused before memory is taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.gltf_builder import COMPONENTS, GltfBuilder
from workers.contract.errors import ParseFailed, RetargetError, TooLarge
from workers.formats.gltf.accessors import Accessors
from workers.formats.gltf.document import open_document
from workers.formats.limits import DEFAULT_LIMITS

WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}


def accessors(builder: GltfBuilder) -> Accessors:
    return open_document(builder.bundle()).accessors


@pytest.mark.parametrize("component", COMPONENTS)
@pytest.mark.parametrize("kind", WIDTHS)
@pytest.mark.parametrize("stride", [0, 20, 36])
def test_every_type_with_offset_and_stride(component: str, kind: str, stride: int) -> None:
    random = np.random.default_rng(1)
    values = (random.uniform(-1, 1, (7, WIDTHS[kind])) * 120).astype("<" + component)
    size = values.dtype.itemsize * WIDTHS[kind]
    step = stride or size
    content = bytearray(random.bytes(4 + step * 6 + size))
    for row, value in enumerate(values):
        content[4 + row * step : 4 + row * step + size] = value.tobytes()
    builder = GltfBuilder()
    view = builder.view(bytes(content), **({"byteStride": stride} if stride else {}))
    entry = {"bufferView": view, "byteOffset": 4, "componentType": COMPONENTS[component], "count": 7, "type": kind}
    builder.document["accessors"] = [entry]
    np.testing.assert_array_equal(accessors(builder).read(0), values)
    entry["count"] = 8
    with pytest.raises(ParseFailed, match="ends beyond"):
        accessors(builder)


@pytest.mark.parametrize(("component", "largest"), [("i1", 127), ("u1", 255), ("i2", 32767), ("u2", 65535)])
def test_normalised_integers(component: str, largest: int) -> None:
    lowest = -largest - 1 if component[0] == "i" else 0
    builder = GltfBuilder()
    builder.accessor([lowest, 0, largest], "SCALAR", component, normalized=True)
    np.testing.assert_allclose(accessors(builder).floats(0)[:, 0], [-1.0 if lowest else 0.0, 0.0, 1.0])


def test_columns_of_small_matrices_are_padded() -> None:
    builder = GltfBuilder()
    view = builder.view(bytes([1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9]))  # the padding of the very last column may be missing
    builder.document["accessors"] = [{"bufferView": view, "componentType": 5121, "count": 1, "type": "MAT3"}]
    np.testing.assert_array_equal(accessors(builder).read(0)[0], [[1, 2, 3], [4, 5, 6], [7, 8, 9]])


@pytest.mark.parametrize("based", [True, False])
def test_sparse(based: bool) -> None:
    builder = GltfBuilder()
    base = np.arange(15.0).reshape(5, 3) if based else np.zeros((5, 3))
    sparse = {
        "count": 2,
        "indices": {"bufferView": builder.view(np.array([1, 4], "<u2").tobytes()), "componentType": 5123},
        "values": {"bufferView": builder.view(np.array([[9, 8, 7], [6, 5, 4]], "<f4").tobytes())},
    }
    entry: dict[str, Any] = {"componentType": 5126, "count": 5, "type": "VEC3", "sparse": sparse}
    if based:
        entry["bufferView"] = builder.view(base.astype("<f4").tobytes())
    builder.document["accessors"] = [entry]
    expected = base.copy()
    expected[[1, 4]] = [[9, 8, 7], [6, 5, 4]]
    np.testing.assert_array_equal(accessors(builder).read(0), expected)
    entry["count"] = 4
    with pytest.raises(ParseFailed, match="rise and stay below"):
        accessors(builder).read(0)


@pytest.mark.parametrize(
    "change",
    [
        {"count": 0},
        {"count": True},
        {"count": -1},
        {"count": 2.5},
        {"count": None},
        {"bufferView": 5},
        {"bufferView": -1},
        {"bufferView": "0"},
        {"byteOffset": -4},
        {"byteOffset": 4},
        {"byteOffset": 2**52},
        {"type": "VEC5"},
        {"type": None},
        {"componentType": 5124},
        {"componentType": 5126.0},
        {"count": 2**40},
        {"count": 10**30},
        {"sparse": {"count": 9, "indices": {"bufferView": 0, "componentType": 5123}, "values": {"bufferView": 0}}},
        {"sparse": {"count": 1, "indices": {"bufferView": 7, "componentType": 5123}, "values": {"bufferView": 0}}},
        {"sparse": {"count": 1, "indices": {"bufferView": 0, "componentType": 5126}, "values": {"bufferView": 0}}},
        {"sparse": []},
    ],
)
def test_wrong_fields_are_refused(change: dict[str, Any]) -> None:
    builder = GltfBuilder()
    builder.accessor([[1.0, 2.0, 3.0]], "VEC3")
    accessors(builder).read(0)
    builder.document["accessors"][0] |= change
    with pytest.raises(RetargetError):
        accessors(builder).read(0)


@pytest.mark.parametrize(
    "change",
    [{"buffer": 1}, {"byteLength": 100}, {"byteLength": 0}, {"byteOffset": 8}, {"byteStride": 4}, {"buffer": True}],
)
def test_wrong_views_are_refused(change: dict[str, Any]) -> None:
    builder = GltfBuilder()
    builder.accessor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]], "VEC3")
    builder.document["bufferViews"][0] |= change
    with pytest.raises(ParseFailed):
        accessors(builder)


def test_a_bomb_without_data_takes_no_memory() -> None:
    builder = GltfBuilder()
    builder.document["accessors"] = [{"componentType": 5126, "count": DEFAULT_LIMITS.accessor_elements, "type": "MAT4"}]
    assert accessors(builder).read(0).strides == (0, 0, 0)
    builder.document["accessors"][0]["count"] += 1
    with pytest.raises(TooLarge):
        accessors(builder)
