"""KHR_animation_pointer: channels that name what they move by a JSON pointer instead of by node and path.

`/nodes/N/translation`, `rotation` and `scale` are channels of node N, as any other. Pointers to anything else
(materials, lights, weights) move no node and are left as they are (Khronos' specification of the extension).
"""

from __future__ import annotations

import re

from workers.formats.gltf.fields import Json, bad_field, child, objects, text

EXTENSION = "KHR_animation_pointer"
POINTER_PATH = "pointer"
_NODE_TRANSFORM = re.compile(r"/nodes/(0|[1-9]\d{0,8})/(translation|rotation|scale)")
_TRANSFORMS = ("translation", "rotation", "scale")
_NAMED = 3  # of what animations drive instead, in the error for a file without a clip


def pointed_node(target: Json, nodes: int, where: str) -> tuple[int, str] | None:
    """Node and path of a channel target whose path is "pointer"; None where it points to something else.

    Raises ParseFailed for a target without a pointer and for a node that is not there (there are `nodes`).
    """
    pointer = _pointer(target, where)
    match = _NODE_TRANSFORM.fullmatch(pointer)
    if match is None:
        return None
    if int(match[1]) >= nodes:
        raise bad_field(where, f"its pointer {pointer!r:.60} refers to a node that is not there (there are {nodes})")
    return int(match[1]), match[2]


def what_moves_instead(animations: tuple[Json, ...]) -> str | None:
    """What the channels of a file without a clip drive, in words; None where it has no animation."""
    if not animations:
        return None
    driven: dict[str, None] = {}
    for number, animation in enumerate(animations):
        where = f"/animations/{number}"
        for channel in objects(animation, "channels", where):
            target = child(channel, "target", where)
            path = text(target, "path", where)
            pointer = _pointer(target, where) if path == POINTER_PATH else f"{path} of a node"
            if not _NODE_TRANSFORM.fullmatch(pointer) and path not in _TRANSFORMS:
                driven[f"{pointer:.80}"] = None
    named = list(driven)
    listed = ", ".join(named[:_NAMED]) + (f" and {len(named) - _NAMED} more" if len(named) > _NAMED else "")
    return "its animations move no node of the scene" + (f", but {listed}" if named else "")


def _pointer(target: Json, where: str) -> str:
    extension = child(child(target, "extensions", where), EXTENSION, f"{where}/extensions")
    pointer = text(extension, "pointer", f"{where}/extensions/{EXTENSION}")
    if pointer is None:
        raise bad_field(f"{where}/extensions/{EXTENSION}/pointer", "is missing")
    return pointer
