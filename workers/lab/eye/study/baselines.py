"""Observers: what compares rendered moments. The encoders of the model store, and two yardsticks beside them.

    mobilenet   general image features (`workers.lab.eye.study.mobilenet`), from a file under the data
    joints      no pictures at all: where the joints of the body are

Each makes of rendered moments rows `(moments, views, d)`. An encoder's similarity is the cosine for each view, as the
product's raw score has it. The joints' row is one "view": positions relative to the hips, turned to the source's
facing, divided by the body's height, over the roles that most rigs have; their similarity is 1 less the RMS distance of
the joints. On the study's pairs that tells moments and damage apart better than a cosine of the positions, centred or
not.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_store.manifest import Anchors
from model_store.status import resolve
from workers.contract.errors import ModelUnavailable
from workers.contract.roles import SIDES
from workers.lab.eye.study.mobilenet import MobilenetEncoder
from workers.lab.eye.study.pairs import pose_points
from workers.lab.eye.study.views import RenderedMoments
from workers.semantics.encoders.base import Encoder
from workers.semantics.encoders.guidance import GuidedEncoder
from workers.semantics.encoders.loading import load_encoder
from workers.skeleton import quat

Rows = NDArray[np.float32]  # (moments, views, d)

BASELINES = ("mobilenet", "joints")
MOBILENET_FILE = "models/mobilenet-v1/mobilenet_v1_1.0_224_to_block12.npz"
# Spine joints are placed too differently from rig to rig to be compared.
JOINT_ROLES = (
    "head",
    *(f"{side}{part}" for side in SIDES for part in ("UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot")),
)


class Observer(Protocol):
    """Something that a take can be shown to."""

    @property
    def name(self) -> str: ...

    @property
    def blind(self) -> bool:
        """Whether it looks at the take itself and never at its pictures."""
        ...

    @property
    def contextual(self) -> bool:
        """Whether what it makes of a picture depends on the source's pictures, or on the pictures around it."""
        ...

    @property
    def can_match(self) -> bool: ...

    @property
    def anchors(self) -> tuple[Anchors, ...]:
        """What its manifest or an earlier calibration says of its scores; empty where nothing does."""
        ...

    def look(self, take: RenderedMoments, pictures: Tensor, source_pictures: Tensor) -> Rows:
        """`pictures` `(views, moments, 3, side, side)`, and those of the source that they are compared with."""
        ...

    def alike(self, first: Rows, second: Rows) -> NDArray[np.float64]:
        """Similarity of moments that belong together, for each view `(moments, views)`, at most 1."""
        ...

    def match(self, pictures: Tensor, texts: Sequence[str]) -> NDArray[np.float64]:
        """Mean match of the pictures with each text, `(texts,)`."""
        ...


class EncoderObserver:
    """An encoder. One that asks questions asks the source and reads every take in the light of its answers."""

    blind = False

    def __init__(self, encoder: Encoder, anchors: tuple[Anchors, ...] = ()) -> None:
        self.encoder = encoder
        self.name = encoder.name
        self.anchors = anchors
        self.contextual = encoder.temporal or isinstance(encoder, GuidedEncoder)
        self.can_match = "match" in encoder.capabilities

    def look(self, take: RenderedMoments, pictures: Tensor, source_pictures: Tensor) -> Rows:
        parts = []
        with torch.no_grad():
            for seen, source in zip(pictures, source_pictures, strict=True):
                embedded = self.encoder.guided_by(source.to(self.encoder.device)).embed(seen.to(self.encoder.device))
                parts.append(embedded.cpu().numpy())
        rows = np.stack(parts, axis=1)
        return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12), dtype=np.float32)

    def alike(self, first: Rows, second: Rows) -> NDArray[np.float64]:
        return np.asarray(np.einsum("nvd,nvd->nv", first, second, dtype=np.float64))

    def match(self, pictures: Tensor, texts: Sequence[str]) -> NDArray[np.float64]:
        images = pictures.flatten(0, 1).to(self.encoder.device)
        with torch.no_grad():
            found: NDArray[np.float64] = self.encoder.match_texts(images, texts).double().mean(dim=0).cpu().numpy()
        return found


class JointObserver:
    """The joint-position baseline."""

    name = "joints"
    blind = True
    contextual = False
    can_match = False
    anchors: tuple[Anchors, ...] = ()

    def look(self, take: RenderedMoments, pictures: Tensor, source_pictures: Tensor) -> Rows:
        points = quat.rotate(quat.conjugate(take.facing), pose_points(take.motion, JOINT_ROLES))
        return points.reshape(len(take), 1, -1).astype(np.float32)

    def alike(self, first: Rows, second: Rows) -> NDArray[np.float64]:
        squares = ((first.astype(np.float64) - second) ** 2).sum(axis=-1)
        return np.asarray(1.0 - np.sqrt(squares / len(JOINT_ROLES)))

    def match(self, pictures: Tensor, texts: Sequence[str]) -> NDArray[np.float64]:
        raise NotImplementedError("joint positions know no words")


def make_looker(name: str, data: Path | None) -> Observer:
    """`joints`, `mobilenet`, or a model of the store. Raises ModelUnavailable, InvalidOptions."""
    if name == "joints":
        return JointObserver()
    if name == "mobilenet":
        if data is None:
            raise ModelUnavailable("mobilenet: its features lie in a data folder; give --data, or leave mobilenet out")
        return EncoderObserver(MobilenetEncoder(data / MOBILENET_FILE))
    return EncoderObserver(load_encoder(name), resolve(name).manifest.calibration)
