"""What a job would cost, told before it runs: frames times vertices, which its time and memory grow with.

One job must not hold a worker for as long as a hundred others take. The rest of a job's bounds are the limits of what a
file may hold (`workers.formats.limits`), its time and its memory.
"""

from __future__ import annotations

from workers.contract.errors import ClipNotFound, TooLarge
from workers.contract.options import JobOptions
from workers.skeleton.model import ClipInfo, Scene

BARE_VERTICES = 2_000  # of the body that a bare skeleton is given for its pictures and scores


def check_cost(motion: Scene, character: Scene, options: JobOptions, most: int) -> None:
    """Raises TooLarge where the job's clips have more frames times vertices than `most`."""
    mesh = character.load_mesh()
    vertices = BARE_VERTICES if mesh is None else max(len(mesh.positions_m), 1)
    frames = sum(_frames(clip, options) for clip in _chosen(motion, options))
    if frames * vertices > most:
        raise TooLarge(
            f"the job has {frames:,} frames on {vertices:,} vertices, more than {most:,} together; take a part of the "
            "clip with start_s and end_s, reduce the mesh, or raise RETARGET_JOB_COST_MAX on the server",
            limit=most,
        )


def _chosen(motion: Scene, options: JobOptions) -> list[ClipInfo]:
    """The clips that are retargeted; none where the engine will say that there is no such clip."""
    if options.clip == "all":
        return list(motion.clips)
    try:
        return [motion.clips[motion.find_clip(options.clip)]]
    except ClipNotFound:
        return []


def _frames(clip: ClipInfo, options: JobOptions) -> int:
    """Frames of the part that is used, at the rate of the file or of the result, whichever is more."""
    rate_hz = options.source_fps or clip.rate_hz
    duration_s = clip.frames / rate_hz if rate_hz else clip.duration_s
    end_s = min(options.end_s if options.end_s is not None else duration_s, duration_s)
    used_s = max(end_s - (options.start_s or 0.0), 0.0)
    wanted_hz = 0.0 if options.fps == "source" else float(options.fps)
    return round(used_s * max(rate_hz, wanted_hz))
