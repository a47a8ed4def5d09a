"""The self-contacts of a source, found once: every character that receives the motion asks for the same ones.

In memory and in the cache folder, by the motion's poses and the surface that it moves.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np

from workers.contract.engine_version import ENGINE_VERSION
from workers.geometry.contact_model import Places, SelfContact, SelfContacts
from workers.geometry.parts import PARTS
from workers.geometry.self_contact import find_self_contacts
from workers.geometry.surface import BodySurface
from workers.motion.body_motion import BodyMotion
from workers.platform.cache_folder import Arrays, CacheFolder, Recent, shared_path
from workers.platform.content_key import content_key

FORM = "1"  # raise it when contacts are kept otherwise, or others are found in the same motion
MOTIONS_KEPT = 64
PLACES = ("along", "around", "radii")

_motions: Recent[SelfContacts] = Recent(MOTIONS_KEPT)


def source_contacts(motion: BodyMotion, surface: BodySurface) -> SelfContacts:
    """As `find_self_contacts` of `surface` moved by `motion`, which moves the body that `surface` is of."""
    measures = (surface.body, surface.mesh, surface.parts, surface.face_parts, surface.radius_m, surface.arm_radius_m)
    moved = (motion.body, motion.rotations, motion.positions_m, motion.rate_hz)
    key = content_key(ENGINE_VERSION, measures, surface.is_own, moved)
    return _motions.get(key, lambda: _kept(f"contacts{FORM}-{key}", motion, surface))


def _kept(name: str, motion: BodyMotion, surface: BodySurface) -> SelfContacts:
    found = _folder().read(name, _decoded)
    if found is None:
        found = find_self_contacts(motion, surface)
        _folder().write(name, _encoded(found))
    return found


@cache
def _folder() -> CacheFolder:
    return CacheFolder(shared_path("contacts"))


def _encoded(found: SelfContacts) -> Arrays:
    """The whole numbers as JSON; of each contact in turn its arrays, by its number."""
    heads = [[contact.part_a, contact.part_b, contact.start, contact.stop] for contact in found.contacts]
    arrays: Arrays = {"heads": np.array(json.dumps({"frames": found.frames, "contacts": heads}))}
    for number, contact in enumerate(found.contacts):
        arrays[f"gap{number}"] = contact.gap
        for point, places in (("a", contact.a), ("b", contact.b)):
            arrays |= {f"{point}_{name}{number}": getattr(places, name) for name in PLACES}
    return arrays


def _decoded(arrays: Arrays) -> SelfContacts:
    """Raises KeyError, TypeError or ValueError for what `_encoded` did not give."""
    heads: dict[str, Any] = json.loads(str(arrays["heads"]))
    contacts = []
    for number, (part_a, part_b, start, stop) in enumerate(heads["contacts"]):
        a, b = (Places(*(arrays[f"{point}_{name}{number}"] for name in PLACES)) for point in ("a", "b"))
        gap = arrays[f"gap{number}"]
        if not (0 <= start < stop <= heads["frames"] and gap.shape == b.along.shape == (stop - start, len(a.along))):
            raise ValueError("no contact")
        if not all(0 <= part < len(PARTS) for part in (part_a, part_b)):
            raise ValueError("no part")
        contacts.append(SelfContact(part_a, part_b, start, stop, a, b, gap))
    return SelfContacts(int(heads["frames"]), tuple(contacts))
