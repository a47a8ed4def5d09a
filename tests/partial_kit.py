"""Sample files whose mesh and skin cover part of the body only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.glb_editor import GlbEditor


def covering(data: bytes, is_kept: Callable[[str], bool], skin_lists_all: bool) -> GlbEditor:
    """Only the faces whose corners all hang on joints with these names; the skin lists all joints, or only those."""
    edit = GlbEditor(data)
    names = [edit.nodes[joint]["name"] for joint in edit.joints]
    kept = np.array([is_kept(name) for name in names])
    held = edit.attribute("JOINTS_0").astype(np.int64)
    weights = edit.attribute("WEIGHTS_0")
    inside = ((weights > 0.0) & ~kept[held]).sum(axis=1) == 0
    edit.put_faces([faces[inside[faces].all(axis=1)] for faces in edit.faces()])
    if skin_lists_all:
        return edit
    rows = np.flatnonzero(kept)
    place = np.zeros(len(kept), dtype=np.int64)
    place[rows] = np.arange(len(rows))
    edit.put_attribute("WEIGHTS_0", np.where(inside[:, None], weights, [1.0, 0.0, 0.0, 0.0]), "VEC4")
    edit.put_attribute("JOINTS_0", np.where(inside[:, None] & (weights > 0.0), place[held], 0), "VEC4", "u1")
    edit.put_inverse_bind(edit.inverse_bind[rows])
    edit.json["skins"][0]["joints"] = [edit.joints[row] for row in rows]
    edit.json["skins"][0].pop("skeleton", None)
    return edit
