"""Tiny models with random weights, made from the real configuration classes and saved as a hub repository would be.

Random weights know nothing, so these show that the paths work: loading, shapes, gradients, words; never quality.
`vision_config.initializer_range` is 0.02, because its default leaves a random vision model blind.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

WORDS = [
    *("where", "are", "the", "hands", "of", "character", "what", "is", "doing", "question", "answer"),
    *("walking", "running", "waving", "standing", "jumping", "arms", "up", "down", "left", "right"),
    *("a", "person", "at", "side", "over", "head", ".", ":", "?"),
]
SIZE = 32
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[DEC]"]


def save_word_tokenizer(folder: Path, special: list[str], frame: tuple[str, str] | None = None) -> Any:
    """Whole words and single letters; `frame` are the tokens put before and after a text."""
    letters = [chr(code) for code in range(97, 123)]
    vocabulary = {word: index for index, word in enumerate([*special, *dict.fromkeys([*WORDS, *letters])])}
    vocabulary |= {f"##{letter}": len(vocabulary) + index for index, letter in enumerate(letters)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=special[1]))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    if frame:
        first, last = frame
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{first} $A {last}", special_tokens=[(word, vocabulary[word]) for word in dict.fromkeys(frame)]
        )
    wrapped = transformers.PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, pad_token=special[0], unk_token=special[1], additional_special_tokens=special[2:]
    )
    wrapped.save_pretrained(folder)
    return wrapped


def save_t5_tokenizer(folder: Path) -> Any:
    """T5's layout: pad 0, end 1, unknown 2, and no beginning."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces += [(f"▁{word}", -2.0) for word in dict.fromkeys(WORDS)]
    pieces += [(piece, -9.0) for piece in ["▁", *(chr(code) for code in range(97, 123)), "Q", "A", "W"]]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    wrapped = transformers.PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )
    wrapped.save_pretrained(folder)
    return wrapped


def save_processor(folder: Path, **changes: Any) -> Any:
    """An image processor's configuration, written by the real class."""
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    processor = BlipImageProcessorPil(**{"size": {"height": SIZE, "width": SIZE}, **changes})
    processor.save_pretrained(folder)
    return processor


VISION = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": SIZE,
    "patch_size": 8,
    "initializer_range": 0.02,
}
TEXT = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def _blip_config(vocabulary: int) -> Any:
    text = TEXT | {
        "vocab_size": vocabulary,
        "encoder_hidden_size": 16,
        "projection_dim": 8,
        "bos_token_id": 4,
        "pad_token_id": 0,
        "sep_token_id": 3,
        "eos_token_id": 3,
    }
    return transformers.BlipConfig(
        text_config=text, vision_config=VISION, projection_dim=8, image_text_hidden_size=8, initializer_range=0.02
    )


def save_blip(folder: Path, kind: str) -> None:
    tokenizer = save_word_tokenizer(folder, SPECIAL, ("[CLS]", "[SEP]"))
    save_processor(folder)
    getattr(transformers, kind)(_blip_config(len(tokenizer))).save_pretrained(folder)


def _qformer(vocabulary: int) -> dict[str, Any]:
    return TEXT | {
        "vocab_size": vocabulary,
        "encoder_hidden_size": 16,
        "cross_attention_frequency": 1,
        "pad_token_id": 0,
        "max_position_embeddings": 160,
    }


def _t5(vocabulary: int) -> dict[str, Any]:
    return {
        "model_type": "t5",
        "vocab_size": vocabulary,
        "d_model": 16,
        "d_kv": 8,
        "d_ff": 32,
        "num_layers": 2,
        "num_heads": 2,
        "feed_forward_proj": "gated-gelu",
        "decoder_start_token_id": 0,
        "pad_token_id": 0,
        "eos_token_id": 1,
    }


def save_blip2_itm(folder: Path) -> None:
    tokenizer = save_word_tokenizer(folder, SPECIAL, ("[CLS]", "[SEP]"))
    save_processor(folder)
    config = transformers.Blip2Config(
        vision_config=VISION,
        qformer_config=_qformer(len(tokenizer)) | {"use_qformer_text_input": True},
        text_config={"model_type": "opt", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2},
        num_query_tokens=4,
        image_text_hidden_size=8,
        image_token_index=None,
    )
    model = transformers.Blip2ForImageTextRetrieval(config)
    torch.nn.init.normal_(model.query_tokens, std=0.5)
    model.save_pretrained(folder)


def save_blip2_flan_t5(folder: Path) -> None:
    tokenizer = save_t5_tokenizer(folder)
    save_processor(folder)
    config = transformers.Blip2Config(
        vision_config=VISION,
        qformer_config=_qformer(30),
        text_config=_t5(len(tokenizer)),
        num_query_tokens=4,
        image_token_index=None,
    )
    model = transformers.Blip2ForConditionalGeneration(config)
    torch.nn.init.normal_(model.query_tokens, std=0.5)
    model.save_pretrained(folder)


def save_instructblip(folder: Path) -> None:
    tokenizer = save_t5_tokenizer(folder)
    qformer_tokenizer = save_word_tokenizer(folder / "qformer_tokenizer", SPECIAL, ("[CLS]", "[SEP]"))
    save_processor(folder)
    config = transformers.InstructBlipConfig(
        vision_config=VISION,
        qformer_config=_qformer(len(qformer_tokenizer)),
        text_config=_t5(len(tokenizer)),
        num_query_tokens=4,
        image_token_index=None,
    )
    model = transformers.InstructBlipForConditionalGeneration(config)
    torch.nn.init.normal_(model.query_tokens, std=0.5)
    model.save_pretrained(folder)


def _contrastive_text(vocabulary: int) -> dict[str, Any]:
    return TEXT | {
        "vocab_size": vocabulary,
        "max_position_embeddings": 24,
        "pad_token_id": 0,
        "bos_token_id": 2,
        "eos_token_id": 3,
        "projection_size": 16,
    }


def save_clip(folder: Path) -> None:
    tokenizer = save_word_tokenizer(folder, SPECIAL, ("[CLS]", "[SEP]"))
    save_processor(folder, size={"shortest_edge": SIZE}, do_center_crop=True, crop_size={"height": SIZE, "width": SIZE})
    config = transformers.CLIPConfig(
        text_config=_contrastive_text(len(tokenizer)), vision_config=VISION, projection_dim=8
    )
    transformers.CLIPModel(config).save_pretrained(folder)


def save_siglip(folder: Path) -> None:
    tokenizer = save_word_tokenizer(folder, SPECIAL, ("[CLS]", "[SEP]"))
    save_processor(folder, image_mean=[0.5] * 3, image_std=[0.5] * 3, resample=2)
    config = transformers.SiglipConfig(text_config=_contrastive_text(len(tokenizer)), vision_config=VISION)
    transformers.SiglipModel(config).save_pretrained(folder)


def save_xclip(folder: Path) -> None:
    tokenizer = save_word_tokenizer(folder, SPECIAL, ("[CLS]", "[SEP]"))
    save_processor(folder)
    vision = VISION | {
        "num_frames": 4,
        "mit_hidden_size": 8,
        "mit_intermediate_size": 16,
        "mit_num_hidden_layers": 1,
        "mit_num_attention_heads": 2,
    }
    config = transformers.XCLIPConfig(
        text_config=_contrastive_text(len(tokenizer)),
        vision_config=vision,
        projection_dim=8,
        prompt_layers=1,
        prompt_num_attention_heads=2,
    )
    transformers.XCLIPModel(config).save_pretrained(folder)


TINY: dict[str, Callable[[Path], None]] = {
    "blip-itm": lambda folder: save_blip(folder, "BlipForImageTextRetrieval"),
    "blip-vqa": lambda folder: save_blip(folder, "BlipForQuestionAnswering"),
    "blip2-itm": save_blip2_itm,
    "blip2-flan-t5": save_blip2_flan_t5,
    "instructblip": save_instructblip,
    "clip": save_clip,
    "siglip2": save_siglip,
    "xclip": save_xclip,
}


def save_tiny(name: str, folder: Path) -> Path:
    """The tiny stand-in for a model of the store, in a new folder; always the same weights."""
    folder.mkdir(parents=True)
    torch.manual_seed(7)
    TINY[name](folder)
    return folder
