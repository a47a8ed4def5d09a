"""Animations as bytes: WebP by Pillow, or WebM with VP9 by PyAV.

WebP plays in every `<img>` and needs nothing else; it is assembled at the end, so all frames are held until then. WebM
is several times smaller and is encoded frame by frame. No MP4: the H.264 encoder in PyAV's wheel is under the GPL.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from fractions import Fraction

import numpy as np
from PIL import Image

from workers.contract.errors import ModelUnavailable
from workers.rendering.moving_body import Picture

Encode = Callable[[Iterable[Picture], float], bytes]

WEBP_QUALITY = 75
WEBP_EFFORT = 3  # 0 to 6: more is slower and smaller
WEBP_KEY_FRAMES = (9, 31)  # at least and at most so many frames apart: a frame between them holds only what has changed
# Constant quality (0 best, 63 worst); `realtime` with a high cpu-used is what makes VP9 fast.
VP9_OPTIONS = {"crf": "34", "deadline": "realtime", "cpu-used": "6", "row-mt": "1"}


def encode_webp(pictures: Iterable[Picture], rate_hz: float) -> bytes:
    """An endless animation of at least one picture; each lasts to the millisecond as long as it takes to keep time."""
    frames = [Image.fromarray(picture) for picture in pictures]
    starts = [round(1000.0 * number / rate_hz) for number in range(len(frames) + 1)]
    out = io.BytesIO()
    frames[0].save(
        out, "WEBP", save_all=True, append_images=frames[1:], duration=np.diff(starts).tolist(), loop=0,
        quality=WEBP_QUALITY, method=WEBP_EFFORT, kmin=WEBP_KEY_FRAMES[0], kmax=WEBP_KEY_FRAMES[1],
    )  # fmt: skip
    return out.getvalue()


def encode_webm(pictures: Iterable[Picture], rate_hz: float) -> bytes:
    """A video of at least one picture. Raises ModelUnavailable where PyAV is not installed."""
    try:
        import av
    except ImportError:
        raise ModelUnavailable(
            "preview_format: webm needs the package av; install the extra 'worker', or use webp"
        ) from None
    out = io.BytesIO()
    rate = Fraction(rate_hz).limit_denominator(1000)
    with av.open(out, "w", format="webm") as container:
        stream = container.add_stream("libvpx-vp9", rate=rate, options=VP9_OPTIONS)
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 0  # quality decides, not a rate
        for number, picture in enumerate(pictures):
            even = _even(picture)
            if number == 0:
                stream.height, stream.width = even.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24")))
        container.mux(stream.encode(None))
    return out.getvalue()


def _even(picture: Picture) -> Picture:
    """Width and height made even, as the colour format wants them, by repeating the last row or column."""
    height, width = picture.shape[:2]
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


ENCODERS: dict[str, Encode] = {"webp": encode_webp, "webm": encode_webm}
