"""One surface as an FBX mesh: control points, polygons, and layers of what belongs to corners or polygons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workers.formats.fbx.write.objects import Objects, properties
from workers.formats.fbx.write.records import Record, record
from workers.formats.fbx.write.surfaces import Surface


def add_mesh(objects: Objects, name: str, surface: Surface, slots: Sequence[int]) -> int:
    """The mesh's object. `slots` are the glTF materials that its node shows, in order (`used_materials`)."""
    corners = surface.triangles.astype(np.int32)
    ends = corners.copy()
    ends[:, 2] = ~ends[:, 2]  # the last corner of a polygon is marked by its complement
    layers: list[Record] = [_normals(surface), _smoothing(len(corners))]
    if surface.colors is not None:
        layers.append(_colors(surface))
    if slots:
        layers.append(_materials(surface, slots))
    layers += [_coordinates(surface, number) for number in range(len(surface.coordinates))]
    return objects.add(
        "Geometry",
        name,
        "Mesh",
        [
            properties(),
            record("GeometryVersion", 124),
            record("Vertices", surface.positions.reshape(-1)),
            record("PolygonVertexIndex", ends.reshape(-1)),
            *layers,
            *_layer_lists(layers),
        ],
    )


def used_materials(surface: Surface) -> list[int]:
    """The glTF materials of a surface in rising order, -1 for none; empty where no triangle has one."""
    used = [int(material) for material in np.unique(surface.materials)]
    return used if any(material >= 0 for material in used) else []


def coordinates_name(number: int) -> str:
    """What a set of texture coordinates is called."""
    return "UVMap" if number == 0 else f"UVMap_{number}"


def _element(kind: str, number: int, name: str, mapping: str, reference: str, *content: Record) -> Record:
    head = [
        record("Version", 101 if kind != "Smoothing" else 102),
        record("Name", name),
        record("MappingInformationType", mapping),
        record("ReferenceInformationType", reference),
    ]
    return record(f"LayerElement{kind}", number, children=[*head, *content])


def _normals(surface: Surface) -> Record:
    values = record("Normals", surface.normals[surface.triangles].reshape(-1))
    return _element("Normal", 0, "", "ByPolygonVertex", "Direct", values)


def _smoothing(polygons: int) -> Record:
    """One group for all: the edges are in the normals. Unreal warns of a mesh without groups."""
    return _element("Smoothing", 0, "", "ByPolygon", "Direct", record("Smoothing", np.ones(polygons, dtype=np.int32)))


def _colors(surface: Surface) -> Record:
    assert surface.colors is not None
    values = record("Colors", np.ascontiguousarray(surface.colors).reshape(-1))
    places = record("ColorIndex", _corners(surface))
    return _element("Color", 0, "Col", "ByPolygonVertex", "IndexToDirect", values, places)


def _coordinates(surface: Surface, number: int) -> Record:
    up = surface.coordinates[number] * [1.0, -1.0] + [0.0, 1.0]  # FBX counts V from below
    name = coordinates_name(number)
    values, places = record("UV", up.reshape(-1)), record("UVIndex", _corners(surface))
    return _element("UV", number, name, "ByPolygonVertex", "IndexToDirect", values, places)


def _materials(surface: Surface, slots: Sequence[int]) -> Record:
    if len(slots) == 1:
        first = record("Materials", np.zeros(1, dtype=np.int32))
        return _element("Material", 0, "", "AllSame", "IndexToDirect", first)
    places = np.searchsorted(np.array(slots), surface.materials).astype(np.int32)
    return _element("Material", 0, "", "ByPolygon", "IndexToDirect", record("Materials", places))


def _corners(surface: Surface) -> NDArray[np.int32]:
    corners: NDArray[np.int32] = surface.triangles.reshape(-1).astype(np.int32)
    return corners


def _layer_lists(layers: Sequence[Record]) -> list[Record]:
    """Which elements belong to which layer: the first of each kind to layer 0, further coordinates to their own."""
    result = []
    for number in sorted({int(layer.values[0]) for layer in layers if isinstance(layer.values[0], int)}):
        listed = [
            record("LayerElement", children=[record("Type", layer.name), record("TypedIndex", number)])
            for layer in layers
            if layer.values[0] == number
        ]
        result.append(record("Layer", number, children=[record("Version", 100), *listed]))
    return result
