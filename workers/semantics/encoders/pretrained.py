"""A transformers model from a local folder: frozen, complete, never over the network, with its words and its pixels.

Weights that a checkpoint lacks would be filled with random numbers; that is an error here. T5-based models are refused
in float16, in which they overflow.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from model_store.manifest import Manifest
from workers.contract.errors import InvalidOptions, ModelUnavailable
from workers.semantics.encoders.base import Encoder
from workers.semantics.encoders.pixels import PixelPreparation, read_pixel_preparation

MAX_TEXT_TOKENS = 128


class PretrainedEncoder(Encoder):
    """Base of all encoders over transformers. Subclasses name the model class and say what an embedding is."""

    model_class: ClassVar[str]
    overflows_in_half: ClassVar[bool] = False

    def __init__(
        self,
        manifest: Manifest,
        identity: str,
        folder: Path,
        device: torch.device,
        dtype: torch.dtype,
        batch_size: int,
    ) -> None:
        """Loads the model. Raises ModelUnavailable, InvalidOptions."""
        super().__init__(manifest.name, identity, device, dtype, batch_size)
        if self.overflows_in_half and dtype == torch.float16:
            raise InvalidOptions(f"encoder {self.name} overflows in float16; use bfloat16 or float32")
        with _as_model_unavailable(manifest):
            self.model = _load_model(self.model_class, folder, dtype, device)
            self.tokenizer = self._load_tokenizer(folder)
        self.pixels: PixelPreparation = read_pixel_preparation(folder)

    def _load_tokenizer(self, folder: Path) -> Any:
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(str(folder), local_files_only=True)

    @property
    def max_text_tokens(self) -> int:
        """How much of a text is read."""
        return MAX_TEXT_TOKENS

    def cuts(self, text: str) -> bool:
        return len(self.tokenizer(text)["input_ids"]) > self.max_text_tokens

    def _prepare(self, images: Tensor) -> Tensor:
        return self.pixels(images.to(self.device), self.dtype)

    def _tokens(self, texts: list[str], padding: str = "longest") -> dict[str, Tensor]:
        """`input_ids` and `attention_mask`, `(texts, tokens)`, on the model's device."""
        found = self.tokenizer(
            texts, truncation=True, max_length=self.max_text_tokens, padding=padding, return_tensors="pt"
        )
        ids = found["input_ids"]
        mask = found.get("attention_mask", torch.ones_like(ids))
        return {"input_ids": ids.to(self.device), "attention_mask": mask.to(self.device)}


def _load_model(class_name: str, folder: Path, dtype: torch.dtype, device: torch.device) -> Any:
    import transformers
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # what it would warn about is checked below
    model_class = getattr(transformers, class_name)
    model, loading = model_class.from_pretrained(
        str(folder), dtype=dtype, local_files_only=True, output_loading_info=True
    )
    parameters = {name for name, _ in model.named_parameters()}
    missing = sorted(parameters & set(loading["missing_keys"]))
    wrong = missing + sorted(str(entry) for entry in loading.get("mismatched_keys") or ())
    if wrong:
        raise ValueError(f"the weights lack {len(wrong)} tensors, such as {wrong[0]}")
    return model.to(device).eval().requires_grad_(False)


@contextlib.contextmanager
def _as_model_unavailable(manifest: Manifest) -> Iterator[None]:
    """Whatever a damaged or foreign checkpoint makes transformers raise, as one typed error with the remedy."""
    try:
        yield
    except ImportError as error:
        raise ModelUnavailable(
            f"model {manifest.reference} needs the package {error.name or error}; install the extra 'semantics'"
        ) from None
    except torch.cuda.OutOfMemoryError:
        raise
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        raise ModelUnavailable(
            f"model {manifest.reference} cannot be loaded ({type(error).__name__}: {text}); run: retarget models "
            f"verify {manifest.reference}, and where that finds nothing pull it from another source with --from"
        ) from None
