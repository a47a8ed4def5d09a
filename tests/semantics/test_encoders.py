"""Every encoder end to end with tiny random models: load from the store, embed, differentiate, match, describe."""

from __future__ import annotations

import copy
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from model_store.catalogue import find_manifest, manifests
from model_store.lock import forget_lock
from model_store.manifest import Manifest
from model_store.pull import pull
from model_store.sources import parse_source
from tests.semantics.tiny_models import TINY
from workers.contract.errors import InvalidOptions, ModelUnavailable, OutputInvalid, UnsupportedFeature
from workers.semantics.encoders.base import Encoder
from workers.semantics.encoders.flan_t5 import Blip2FlanT5Encoder
from workers.semantics.encoders.guidance import QUESTION_ACTION, QUESTION_HANDS, GuidedEncoder
from workers.semantics.encoders.loading import KINDS, load_encoder
from workers.semantics.encoders.xclip import windows

EncoderOf = Callable[[str], Encoder]
NAMES = sorted(TINY)
GUIDED = ["blip-vqa", "blip2-flan-t5", "instructblip"]
MATCHING = ["blip-itm", "blip2-itm", "clip", "siglip2", "xclip"]


def in_batches_of(encoder: Encoder, batch_size: int) -> Encoder:
    other = copy.copy(encoder)
    other.batch_size = batch_size
    return other


def test_every_manifest_has_an_encoder_and_a_tiny_model() -> None:
    shipped = [entry for entry in manifests() if entry.source.kind == "packaged"]  # has tests of its own
    packaged = {entry.encoder for entry in shipped if entry.runs.kind == "encoder"}
    assert {find_manifest(name).encoder for name in NAMES} | packaged == set(KINDS)


@pytest.mark.parametrize("name", NAMES)
def test_embeddings_are_finite_float32_and_repeatable(name: str, encoder_of: EncoderOf, images: Tensor) -> None:
    encoder = encoder_of(name)
    first, second = encoder.embed(images), encoder.embed(images)
    assert first.shape[0] == len(images) and first.ndim == 2 and first.shape[1] > 1
    assert first.dtype == torch.float32
    assert torch.equal(first, second)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_the_pixels_of_every_frame(name: str, encoder_of: EncoderOf, images: Tensor) -> None:
    encoder = encoder_of(name)
    pixels = images.clone().requires_grad_(True)
    embedded = encoder.embed(pixels)
    direction = torch.randn(embedded.shape, generator=torch.Generator().manual_seed(0))
    (gradient,) = torch.autograd.grad((embedded * direction).sum(), pixels)
    assert torch.isfinite(gradient).all()
    assert (gradient.abs().amax(dim=(1, 2, 3)) > 1e-7).all()
    model = encoder.model  # type: ignore[attr-defined]
    assert not model.training
    assert all(not parameter.requires_grad and parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_gradient_is_the_slope(name: str, encoder_of: EncoderOf, images: Tensor) -> None:
    """Against a central difference along the gradient itself, where the slope stands out of float32's noise."""
    encoder = encoder_of(name).guided_by(images)
    pixels = images.clone().requires_grad_(True)
    embedded = encoder.embed(pixels)
    direction = torch.randn(embedded.shape, generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad((embedded * direction).sum(), pixels)
    change, step = gradient / gradient.abs().max(), 1e-2
    with torch.no_grad():
        ahead, behind = (encoder.embed(images + sign * step * change) for sign in (1, -1))
    slope = float(((ahead - behind).double() * direction).sum() / (2 * step))
    assert float((gradient * change).sum()) == pytest.approx(slope, rel=0.03)


@pytest.mark.parametrize("name", NAMES)
def test_batches_change_nothing(name: str, encoder_of: EncoderOf, images: Tensor) -> None:
    whole, parts = encoder_of(name), in_batches_of(encoder_of(name), 2)
    torch.testing.assert_close(parts.embed(images), whole.embed(images), rtol=1e-4, atol=1e-5)
    if "match" in whole.capabilities:
        matched = whole.match(images, "a person waving")
        torch.testing.assert_close(parts.match(images, "a person waving"), matched, rtol=1e-4, atol=1e-5)
    if "describe" in whole.capabilities:
        assert parts.describe(images) == whole.describe(images)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "xclip"])
def test_a_frame_stands_for_itself(name: str, encoder_of: EncoderOf, images: Tensor) -> None:
    encoder = encoder_of(name)
    order = torch.tensor([2, 0, 1])
    torch.testing.assert_close(encoder.embed(images[order]), encoder.embed(images)[order], rtol=1e-4, atol=1e-5)
    rows = encoder.embed(images)
    apart = torch.cdist(rows, rows) + torch.eye(len(rows)) * 1e9
    assert apart.min() > 1e-5  # other pictures, other embeddings


@pytest.mark.parametrize("name", MATCHING)
def test_match_keeps_its_range_and_reads_image_and_text(name: str, encoder_of: EncoderOf, images: Tensor) -> None:
    encoder = encoder_of(name)
    first, second = encoder.match(images, "a person waving arms over head"), encoder.match(images, "walking right")
    low = 0.0 if encoder.match_scale == "probability" else -1.0
    for values in (first, second):
        assert values.shape == (len(images),)
        assert (values >= low).all() and (values <= 1.0).all()
    assert not torch.allclose(first, second, rtol=0, atol=1e-8)
    other_pictures = encoder.match(1 - images.flip(2), "a person waving arms over head")
    assert not torch.allclose(first, other_pictures, rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", MATCHING)
def test_an_overlong_text_is_read_to_where_the_model_ends(name: str, encoder_of: EncoderOf, images: Tensor) -> None:
    encoder = encoder_of(name)
    text = "a person waving arms over head. " * 60
    assert encoder.cuts(text) and not encoder.cuts("a person waving")
    assert torch.isfinite(encoder.match(images, text)).all()
    with pytest.raises(InvalidOptions, match="empty"):
        encoder.match(images, "  ")


@pytest.mark.parametrize("name", MATCHING)
def test_match_is_differentiable(name: str, encoder_of: EncoderOf, images: Tensor) -> None:
    pixels = images.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(encoder_of(name).match(pixels, "a person waving").sum(), pixels)
    assert torch.isfinite(gradient).all() and gradient.abs().max() > 0


@pytest.mark.parametrize("name", NAMES)
def test_what_a_model_cannot_do_is_a_typed_error(name: str, encoder_of: EncoderOf, images: Tensor) -> None:
    encoder = encoder_of(name)
    calls: dict[str, Callable[[], object]] = {
        "describe": lambda: encoder.describe(images),
        "match": lambda: encoder.match(images, "walking"),
    }
    assert {"describe", "match"} & encoder.capabilities
    for capability, call in calls.items():
        if capability not in encoder.capabilities:
            with pytest.raises(UnsupportedFeature, match=f"{name} cannot {capability}"):
                call()


@pytest.mark.parametrize("name", GUIDED)
def test_the_source_guides_source_and_result_alike(name: str, encoder_of: EncoderOf, images: Tensor) -> None:
    encoder = encoder_of(name)
    source, result = images, images.flip(3) * 0.7
    guided = encoder.guided_by(source)
    assert isinstance(guided, GuidedEncoder) and guided is not encoder
    assert guided.guiding_prompts is not None and len(guided.guiding_prompts) == len(source)
    for prompt in guided.guiding_prompts:
        assert prompt.index(QUESTION_HANDS) < prompt.index(QUESTION_ACTION)
    prompts = list(guided.guiding_prompts)
    of_source, of_result = guided.embed(source), guided.embed(result)
    assert of_source.shape == of_result.shape
    assert guided.guiding_prompts == prompts
    torch.testing.assert_close(of_source, encoder.embed(source))
    with pytest.raises(ValueError, match="guided by 3"):
        guided.embed(source[:2])


@pytest.mark.parametrize("name", GUIDED)
def test_the_guiding_text_reaches_the_embedding(name: str, encoder_of: EncoderOf, images: Tensor) -> None:
    """The same pictures, other words: another embedding, and as many numbers."""
    guided = encoder_of(name).guided_by(images)
    assert isinstance(guided, GuidedEncoder)
    other = copy.copy(guided)
    answers = ["over the head", "down", "at the side of a person"]
    other._guiding_prompts = [guided.prompt((QUESTION_HANDS, answer), (QUESTION_ACTION, None)) for answer in answers]
    first, second = guided.embed(images), other.embed(images)
    assert first.shape == second.shape
    assert ((first - second).abs().amax(dim=1) > 1e-6).all()
    # Prompts of several lengths in one batch are padded, and padding is not read.
    torch.testing.assert_close(in_batches_of(other, 1).embed(images), second, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["blip2-flan-t5", "instructblip"])
def test_only_query_positions_are_compared(name: str, encoder_of: EncoderOf, images: Tensor) -> None:
    """Four query tokens of width 16, however long the text is; the text has its own positions behind them."""
    encoder = encoder_of(name)
    assert isinstance(encoder, Blip2FlanT5Encoder)
    for words in (1, 20):
        prompts = [" ".join(["head"] * words)] * len(images)
        inputs, mask, queries = encoder._inputs(images, prompts)
        assert queries == 4 and inputs.shape[1] == mask.shape[1] == 4 + words + 1  # and the end of the text
        assert encoder._embed_prompted(images, prompts).shape == (len(images), 4 * 16)


@pytest.mark.parametrize("name", GUIDED)
def test_describing_is_greedy_and_by_the_picture_itself(name: str, encoder_of: EncoderOf, images: Tensor) -> None:
    encoder = encoder_of(name)
    texts = encoder.describe(images)
    assert len(texts) == len(images) and all(isinstance(text, str) for text in texts)
    torch.manual_seed(99)
    assert encoder.describe(images) == texts
    assert encoder.guided_by(images.flip(0)).describe(images) == texts


@pytest.mark.parametrize("name", ["blip-itm", "clip", "blip2-itm", "siglip2", "xclip"])
def test_models_that_are_not_asked_need_no_guide(name: str, encoder_of: EncoderOf, images: Tensor) -> None:
    assert encoder_of(name).guided_by(images) is encoder_of(name)


@pytest.mark.parametrize("name", ["blip-itm", "blip2-flan-t5"])
def test_loading_reaches_no_network(
    name: str, tiny_store: Path, images: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError(f"a connection to {arguments[1:]} was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    load_encoder(name, device="cpu").embed(images[:1])


def test_two_loads_are_one_encoder(encoder_of: EncoderOf, images: Tensor) -> None:
    again = load_encoder("clip@1", device="cpu")
    assert again.identity == encoder_of("clip").identity
    assert again.identity != encoder_of("siglip2").identity
    assert torch.equal(again.embed(images), encoder_of("clip").embed(images))


@pytest.mark.parametrize("name", ["clip", "blip2-flan-t5"])
def test_values_that_are_not_finite_are_an_error(name: str, tiny_store: Path, images: Tensor) -> None:
    encoder = load_encoder(name, device="cpu")
    parameter = next(iter(encoder.model.vision_model.parameters()))  # type: ignore[attr-defined]
    parameter.data.fill_(float("inf"))
    with pytest.raises(OutputInvalid, match=rf"{name} in float32 on cpu .*not finite \(frames 0, 1, 2\)"):
        encoder.embed(images)
    if "match" in encoder.capabilities:
        with pytest.raises(OutputInvalid, match="matches that are not finite"):
            encoder.match(images, "walking")


@pytest.mark.parametrize("name", ["blip2-flan-t5", "instructblip"])
def test_t5_runs_in_bfloat16_and_refuses_float16(
    name: str, encoder_of: EncoderOf, tiny_store: Path, images: Tensor
) -> None:
    assert find_manifest(name).dtype.cuda == "bfloat16"
    with pytest.raises(InvalidOptions, match="overflows in float16"):
        load_encoder(name, device="cpu", dtype="float16")
    small = load_encoder(name, device="cpu", dtype="bfloat16")
    found, exact = small.guided_by(images).embed(images), encoder_of(name).embed(images)
    assert found.dtype == torch.float32
    assert torch.nn.functional.cosine_similarity(found, exact).min() > 0.97


def test_weights_that_lack_a_tensor_are_refused(tiny_store: Path, tmp_path: Path) -> None:
    """transformers would fill the gap with random numbers."""
    broken = tmp_path / "broken"
    broken.mkdir()
    for path in (tiny_store / "sources" / "clip").iterdir():
        (broken / path.name).write_bytes(path.read_bytes())
    tensors = load_file(broken / "model.safetensors")
    del tensors["visual_projection.weight"]
    save_file(tensors, broken / "model.safetensors", metadata={"format": "pt"})
    pull(own_model("gappy", "clip", broken))
    with pytest.raises(ModelUnavailable, match=r"gappy@1 cannot be loaded .*lack 1 tensors, such as visual_projection"):
        load_encoder("gappy", device="cpu")
    (broken / "model.safetensors").write_bytes(b"no weights at all")
    forget_lock(own_model("gappy", "clip", broken))
    pull(own_model("gappy", "clip", broken))
    with pytest.raises(ModelUnavailable, match="retarget models verify gappy@1"):
        load_encoder("gappy", device="cpu")


def own_model(name: str, encoder: str, folder: Path) -> Manifest:
    return Manifest.model_validate(
        {
            "name": name,
            "version": "1",
            "title": name,
            "encoder": encoder,
            "source": parse_source(str(folder)).model_dump(),
            "licence": {"id": "unknown"},
        }
    )


def test_a_kind_that_this_version_lacks_is_named(tiny_store: Path) -> None:
    pull(own_model("future", "hologram", tiny_store / "sources" / "clip"))
    with pytest.raises(InvalidOptions, match="'hologram'"):
        load_encoder("future", device="cpu")


def test_cuda_is_refused_where_there_is_none(tiny_store: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(InvalidOptions, match="no usable CUDA device"):
        load_encoder("clip", device="cuda")


@pytest.mark.parametrize(
    "wrong",
    [
        torch.zeros(3, 8, 8),
        torch.zeros(2, 4, 8, 8),
        torch.zeros(0, 3, 8, 8),
        torch.zeros(1, 3, 8, 8, dtype=torch.uint8),
    ],
)
def test_what_is_no_batch_of_images_is_refused(wrong: Tensor, encoder_of: EncoderOf) -> None:
    with pytest.raises(ValueError, match="images"):
        encoder_of("clip").embed(wrong)


@pytest.mark.parametrize("frames", [1, 2, 4, 5, 8, 9, 31])
def test_windows_cover_every_frame_with_few_windows(frames: int) -> None:
    indices, owner = windows(frames, 4)
    assert indices.shape == (max(1, -(-frames // 4)), 4)
    assert set(indices.flatten().tolist()) == set(range(frames)) and owner.shape == (frames,)
    assert (indices.diff(dim=1) >= 0).all()
    for frame, window in enumerate(owner.tolist()):
        assert frame in indices[window].tolist()


def test_the_order_of_frames_counts_for_a_video_encoder(encoder_of: EncoderOf, images: Tensor) -> None:
    """Shuffled inside one window: an encoder of single frames would give the same rows in another order."""
    encoder = encoder_of("xclip")
    assert encoder.temporal
    window = torch.cat([images, 1 - images[:1]])
    assert not torch.allclose(encoder.embed(window)[0], encoder.embed(window[[2, 0, 3, 1]])[0], atol=1e-6)
