"""A Scene around one clip that is already in memory, as readers of plain arrays have it."""

from __future__ import annotations

from workers.formats.limits import Limits, check_limit
from workers.skeleton.model import Clip, ClipInfo, Notice, Scene, Skeleton, Units
from workers.skeleton.resample import resample, resampled_frames


def sampled_scene(
    format_name: str,
    skeleton: Skeleton,
    clip: Clip,
    units: Units,
    notices: tuple[Notice, ...],
    limits: Limits,
    where: str,
) -> Scene:
    """A scene of that format with this clip alone and no mesh, whose zero pose is `skeleton`'s rest pose.

    Asked for another rate it interpolates, and raises TooLarge beyond the limits; `where` names the file.
    """

    def load_clip(index: int, rate_hz: float | None) -> Clip:
        if index != 0:
            raise IndexError(f"{where} has one clip, not {index + 1}")
        if rate_hz is None:
            return clip
        frames = resampled_frames(clip.frames, clip.rate_hz, rate_hz)
        check_limit(frames, limits.frames, f"frames at {rate_hz:g} Hz", where)
        check_limit(frames * len(skeleton), limits.rotation_keys, f"rotation keys at {rate_hz:g} Hz", where)
        return resample(clip, rate_hz)

    return Scene(
        format=format_name,
        skeleton=skeleton,
        rest_kind="zero",
        units=units,
        clips=(ClipInfo(clip.name, clip.frames, clip.rate_hz, clip.duration_s),),
        load_clip=load_clip,
        load_mesh=lambda: None,
        notices=notices,
    )
