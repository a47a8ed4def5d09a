"""Materials and images of an FBX scene as glTF: base colour, roughness, metalness, the base colour's texture.

Images are embedded where the file embeds them, or named where they were sent along; glTF allows PNG and JPEG only. A
texture replaces the colour, as it does in the programs that write FBX.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import PurePosixPath
from urllib.parse import quote

from workers.formats.fbx.model import FbxScene, FbxTexture
from workers.formats.gltf.embed import BinaryBuilder
from workers.formats.gltf.fields import Json

_TYPES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_EXTENSIONS = (".png", ".jpg", ".jpeg")


def write_materials(scene: FbxScene, builder: BinaryBuilder, siblings: Collection[str]) -> None:
    """Adds materials, textures and images to the builder's document. Material i of the scene is material i of glTF."""
    images: list[Json] = []
    place: dict[int, int] = {}
    materials = []
    for material in scene.materials:
        number = material.texture
        if number >= 0 and number not in place:
            image = _image(scene, scene.textures[number], builder, siblings)
            if image is not None:
                place[number] = len(images)
                images.append(image)
                if scene.textures[number].moved:
                    scene.warn("texture-transform-dropped", f"texture {image['name']!r} lies unshifted and unturned")
            else:
                material.texture = -1
        surface: Json = {"metallicFactor": material.metallic, "roughnessFactor": material.roughness}
        if number in place:
            surface |= {
                "baseColorTexture": {"index": place[number]},
                "baseColorFactor": [1.0, 1.0, 1.0, material.color[3]],
            }
        else:
            surface["baseColorFactor"] = list(material.color)
        written: Json = {"name": material.name} if material.name else {}
        written["pbrMetallicRoughness"] = surface
        if material.color[3] < 1.0:
            written["alphaMode"] = "BLEND"
        materials.append(written)
    document = builder.document
    if materials:
        document["materials"] = materials
    if images:
        document |= {
            "images": images,
            "samplers": [{}],
            "textures": [{"sampler": 0, "source": number} for number in range(len(images))],
        }


def _image(scene: FbxScene, texture: FbxTexture, builder: BinaryBuilder, siblings: Collection[str]) -> Json | None:
    name = PurePosixPath(texture.filename.replace("\\", "/")).name or texture.name
    if texture.content:
        kind = next((kind for magic, kind in _TYPES.items() if texture.content.startswith(magic)), None)
        if kind is not None:
            return {"name": name, "mimeType": kind, "bufferView": builder.add_view(texture.content)}
        scene.warn("texture-dropped", f"texture {name!r} is neither PNG nor JPEG, which is all that glTF allows")
        return None
    beside = [path for path in siblings if PurePosixPath(path).name.lower() == name.lower()]
    if len(beside) == 1 and name.lower().endswith(_EXTENSIONS):
        return {"name": name, "uri": quote(beside[0])}
    scene.warn("texture-missing", f"texture {name!r} is not embedded; embed it on export, or send a zip that holds it")
    return None
