"""The time axis of a motion: the rate it was really sampled at, and the frame rate of the result.

`source_fps` replaces the rate that the file tells: the frames stay, their duration changes. `fps` is applied after it,
on the part of the clip that is used: keys lie exactly 1 / fps apart, so that a clip may end up to one period early. A
loop is drawn together by that much instead, since it would no longer close (`workers.skeleton.resample`).
"""

from __future__ import annotations

from dataclasses import replace

from workers.contract.options import JobOptions
from workers.motion.body_motion import from_clip
from workers.motion.timeline import find_timeline
from workers.skeleton.body import Body
from workers.skeleton.model import Clip, Notice
from workers.skeleton.resample import end_cut_s, resample, resample_loop

RATE_GUESSES = ("frame-time-assumed",)  # codes of notices that a stated rate settles


def at_true_rate(clip: Clip, source_fps: float | None) -> Clip:
    """The clip at the rate that its user states; the time of its first frame counts in its frames, too."""
    if source_fps is None:
        return clip
    return replace(clip, rate_hz=source_fps, start_s=clip.start_s * clip.rate_hz / source_fps)


def settled_by_rate(notices: tuple[Notice, ...], source_fps: float | None) -> tuple[Notice, ...]:
    """Without the guesses that a stated rate makes idle."""
    return tuple(notice for notice in notices if source_fps is None or notice.code not in RATE_GUESSES)


def at_result_rate(clip: Clip, body: Body, options: JobOptions) -> tuple[Clip, tuple[Notice, ...]]:
    """The clip of `body` at the result's rate, and what that changed beyond the number of frames."""
    if options.fps == "source":
        return clip, ()
    cut_s = end_cut_s(clip, options.fps)
    if cut_s == 0.0:
        return resample(clip, options.fps), ()
    loops = find_timeline(from_clip(body, clip)).period is not None
    made = resample_loop(clip, options.fps) if loops else resample(clip, options.fps)
    lengths = f"{clip.duration_s:.4g} s of clip {clip.name!r} at {options.fps:g} frames a second"
    if made.frames == 1:
        text = f"{lengths} are one frame, its first pose; ask for {1.0 / clip.duration_s:.3g} or more to see it move"
        return made, (Notice("fps-leaves-one-frame", text),)
    if loops:
        faster = 100.0 * (clip.duration_s / made.duration_s - 1.0)
        text = f"{lengths} are {made.duration_s:.4g} s, played {faster:.2g} % faster so that the loop closes"
        return made, (Notice("loop-fitted-to-fps", text),)
    text = f"{lengths} end at {made.duration_s:.4g} s, where the last frame is; the last {cut_s:.3g} s are cut off"
    return made, (Notice("end-cut-by-fps", text),)
