"""Materials as Phong, which every reader of FBX knows, with textures whose images are embedded in the file.

Base colour and opacity, emission, and what Blender's own exporter and importer take roughness and metal for: shininess
`(10 (1 - roughness))^2` and the reflection factor. Textures of base colour, normals and emission; those of roughness,
metal and occlusion hold several values in one image, which a Phong material cannot take apart (`texture-dropped`).
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from workers.formats.fbx.write.geometry import coordinates_name
from workers.formats.fbx.write.models import Names
from workers.formats.fbx.write.objects import Objects, entry, full_name, number, properties, text, vector
from workers.formats.fbx.write.records import record
from workers.formats.gltf.document import GltfDocument
from workers.formats.gltf.fields import Json, index
from workers.formats.gltf.fields import objects as listed
from workers.formats.gltf.resources import decode_data_uri
from workers.skeleton.model import Notice

_ENDINGS = {b"\x89PNG\r\n\x1a\n": ".png", b"\xff\xd8\xff": ".jpg", b"\xabKTX 20\xbb": ".ktx2", b"DDS ": ".dds"}
_USUAL = (".png", ".jpg")
_WITHOUT_PLACE = ("metallicRoughnessTexture", "occlusionTexture", "specularGlossinessTexture")
_OTHER_SOURCES = ("EXT_texture_webp", "KHR_texture_basisu", "MSFT_texture_dds", "EXT_texture_avif")
_GLOSSINESS = "KHR_materials_pbrSpecularGlossiness"


class Materials:
    """Adds a material when it is first asked for, and each image once."""

    def __init__(self, objects: Objects, document: GltfDocument):
        self.notices: list[Notice] = []
        self._objects, self._document = objects, document
        self._made: dict[int, int] = {}
        self._images: dict[int, tuple[int, str, str]] = {}
        self._names, self._files = Names(), Names()

    def of(self, material: int) -> int:
        """The object of a glTF material; -1 is that of what has none."""
        if material not in self._made:
            given = listed(self._document.json, "materials")[material] if material >= 0 else {}
            self._made[material] = self._add(given, material)
        return self._made[material]

    def _add(self, given: Json, material: int) -> int:
        default = "default" if material < 0 else f"material_{material}"
        name = self._names.own(given["name"] if isinstance(given.get("name"), str) and given["name"] else default)
        surface = _part(given, "pbrMetallicRoughness")
        glossy = _part(_part(given, "extensions"), _GLOSSINESS)
        red, green, blue, alpha = _numbers(surface.get("baseColorFactor", glossy.get("diffuseFactor")), (1.0,) * 4)
        opacity = alpha if given.get("alphaMode") == "BLEND" else 1.0
        emission = _numbers(given.get("emissiveFactor"), (0.0,) * 3)
        (roughness,) = _numbers([surface.get("roughnessFactor")], (1.0,))
        (metal,) = _numbers([surface.get("metallicFactor")], (1.0 if material >= 0 else 0.0,))
        shininess = (10.0 * (1.0 - min(max(roughness, 0.0), 1.0))) ** 2
        made = self._objects.add(
            "Material",
            name,
            "",
            [
                record("Version", 102),
                record("ShadingModel", "Phong"),
                record("MultiLayer", 0),
                properties(
                    entry("ShadingModel", "KString", "", "", "Phong"),
                    vector("DiffuseColor", "Color", (red, green, blue)),
                    number("DiffuseFactor", 1.0, "A"),
                    vector("AmbientColor", "Color", (0.0, 0.0, 0.0)),
                    vector("EmissiveColor", "Color", emission),
                    number("EmissiveFactor", 1.0, "A"),
                    vector("SpecularColor", "Color", (1.0, 1.0, 1.0)),
                    number("SpecularFactor", 0.25, "A"),
                    number("ShininessExponent", shininess, "A"),
                    number("Shininess", shininess, "A"),
                    vector("ReflectionColor", "Color", (1.0, 1.0, 1.0)),
                    number("ReflectionFactor", metal, "A"),
                    vector("TransparentColor", "Color", (1.0, 1.0, 1.0)),
                    number("TransparencyFactor", 1.0 - opacity, "A"),
                    number("Opacity", opacity),
                ),
            ],
        )
        for reference, slot in (
            (surface.get("baseColorTexture", glossy.get("diffuseTexture")), "DiffuseColor"),
            (given.get("normalTexture"), "NormalMap"),
            (given.get("emissiveTexture"), "EmissiveColor"),
        ):
            if isinstance(reference, dict):
                self._add_texture(reference, made, slot, name)
        lost = [key for key in _WITHOUT_PLACE if any(key in part for part in (surface, given, glossy))]
        if lost:
            words = " and ".join(lost)
            self.notices.append(Notice("texture-dropped", f"material {name!r}: an FBX has no place for its {words}"))
        return made

    def _add_texture(self, reference: Json, material: int, slot: str, name: str) -> None:
        where = f"/materials/{name}"
        textures = listed(self._document.json, "textures")
        texture = textures[index(reference, "index", len(textures), where)]
        image = _source(texture, len(listed(self._document.json, "images")))
        if image is None:
            self.notices.append(Notice("texture-dropped", f"material {name!r}: a texture without an image is left out"))
            return
        video, file, label = self._video(image)
        transform = _part(_part(reference, "extensions"), "KHR_texture_transform")
        used = transform.get("texCoord", reference.get("texCoord", 0))
        made = self._objects.add(
            "Texture",
            label,
            "",
            [
                record("Type", "TextureVideoClip"),
                record("Version", 202),
                record("TextureName", full_name(label, "Texture")),
                properties(
                    text("UVSet", coordinates_name(used if isinstance(used, int) else 0)),
                    entry("UseMaterial", "bool", "", "", 1),
                ),
                record("Media", full_name(label, "Video")),
                record("FileName", file),
                record("RelativeFilename", file),
                record("ModelUVTranslation", 0.0, 0.0),
                record("ModelUVScaling", 1.0, 1.0),
                record("Texture_Alpha_Source", "Alpha_Black" if slot == "DiffuseColor" else "None"),
                record("Cropping", 0, 0, 0, 0),
            ],
        )
        self._objects.connect_property(made, material, slot)
        self._objects.connect(video, made)

    def _video(self, number: int) -> tuple[int, str, str]:
        """Object, file name and name of an image."""
        if number in self._images:
            return self._images[number]
        image = listed(self._document.json, "images")[number]
        content = self._content(image, f"/images/{number}")
        given = image.get("name") or (image.get("uri") if content is None else None)
        stem = re.sub(r"[^\w.-]+", "_", PurePosixPath(str(given or f"image_{number}").replace("\\", "/")).name)
        ending = _ending(content) if content is not None else PurePosixPath(stem).suffix
        if ending not in _USUAL and content is not None:
            told = f"image {stem!r} is {ending.removeprefix('.') or 'of an unknown kind'}, which few programs read"
            self.notices.append(Notice("texture-unusual", f"{told} from an FBX; PNG and JPEG are read by all"))
        file = self._files.own(f"{PurePosixPath(stem).stem}{ending}")
        label = PurePosixPath(file).stem
        children = [
            record("Type", "Clip"),
            properties(entry("Path", "KString", "XRefUrl", "", file)),
            record("UseMipMap", 0),
            record("Filename", file),
            record("RelativeFilename", file),
            *([record("Content", content)] if content is not None else []),
        ]
        made = self._objects.add("Video", label, "Clip", children), file, label
        self._images[number] = made
        return made

    def _content(self, image: Json, where: str) -> bytes | None:
        """None for an image that was not sent (the GLB's writer told so)."""
        if "bufferView" in image:
            accessors = self._document.accessors
            return accessors.view_bytes(index(image, "bufferView", accessors.views, where))
        uri = image.get("uri")
        return decode_data_uri(uri, where)[0] if isinstance(uri, str) and uri.startswith("data:") else None


def _source(texture: Json, images: int) -> int | None:
    """The image of a texture, of the plain one where an extension names another too."""
    parts = [texture, *(_part(_part(texture, "extensions"), name) for name in _OTHER_SOURCES)]
    return next((index(part, "source", images, "/textures") for part in parts if "source" in part), None)


def _ending(content: bytes) -> str:
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return ".webp"
    return next((ending for magic, ending in _ENDINGS.items() if content.startswith(magic)), "")


def _part(parent: Json, key: str) -> Json:
    value = parent.get(key)
    return value if isinstance(value, dict) else {}


def _numbers(given: Any, default: tuple[float, ...]) -> tuple[float, ...]:
    """As many finite numbers as the default has, or the default."""
    is_list = isinstance(given, list) and len(given) == len(default)
    if not is_list or not all(type(value) in (int, float) and np.isfinite(value) for value in given):
        return default
    return tuple(float(value) for value in given)
