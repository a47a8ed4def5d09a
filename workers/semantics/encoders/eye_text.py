"""The built-in encoder's reader: a short text becomes a unit vector beside those of motions.

A bag of its words and of their pieces (3 to 5 letters, so that "walking" is near "walk"), each hashed to a row of a
small table: no vocabulary to download, any text has an answer. It knows the words of its
training clips and little else.
"""

from __future__ import annotations

import re
import zlib

import torch
from torch import Tensor, nn
from torch.nn import functional

PIECES = (3, 4, 5)
_WORD = re.compile(r"[^\W\d_]+")


def words_of(text: str) -> list[str]:
    """Lower-case words without digits and punctuation; camel case is cut: "WalkForward01" is walk, forward."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return [word.lower() for word in _WORD.findall(spaced)]


def token_rows(words: list[str], buckets: int) -> list[int]:
    """Rows of the table for the words and their pieces; the same on every machine. Row 0 stands for no words."""
    tokens = []
    for word in words:
        framed = f"<{word}>"
        tokens.append(framed)
        tokens += [framed[i : i + size] for size in PIECES for i in range(len(framed) - size + 1)]
    return [1 + zlib.crc32(token.encode()) % (buckets - 1) for token in tokens] or [0]


class TextTower(nn.Module):
    def __init__(self, buckets: int, width: int, dimension: int) -> None:
        super().__init__()
        self.buckets = buckets
        self.table = nn.EmbeddingBag(buckets, width, mode="mean")
        self.layers = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, dimension)
        )

    def forward(self, texts: list[list[str]]) -> Tensor:
        """Lists of words, one a text -> unit vectors `(texts, dimension)`."""
        rows = [token_rows(words, self.buckets) for words in texts]
        starts = [0]
        for row in rows[:-1]:
            starts.append(starts[-1] + len(row))
        device = self.table.weight.device
        flat = torch.tensor([number for row in rows for number in row], device=device)
        bags: Tensor = self.table(flat, torch.tensor(starts, device=device))
        return functional.normalize(self.layers(bags).float(), dim=-1)
