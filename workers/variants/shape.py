"""A retargeted clip made to loop and mirrored, with all that its scores and pictures stand beside.

The source is closed before it is retargeted, so that feet are held over the seam and contacts run through it; the
result is closed once more by what little retargeting left. Mirroring comes last: the result by the character's own
symmetry, the source by its own, so that scores and pictures compare what belongs together.
"""

from __future__ import annotations

from dataclasses import replace

from workers.contract.options import JobOptions
from workers.motion.body_motion import BodyMotion, to_clip
from workers.motion.close_loop import ClosedLoop, close_loop, kept_by
from workers.motion.mirror import mirror_contacts, mirror_motion, mirror_seen
from workers.preparation.prepare import PreparedMotion
from workers.retargeting.clip import RetargetedClip
from workers.retargeting.root_motion import looped_travel, measure_travel, place_travel, without_root
from workers.skeleton.model import Notice
from workers.skeleton.symmetry import find_symmetry, one_sided

NAMED = 6  # roles that the notice names


def closed_source(source: PreparedMotion, options: JobOptions) -> tuple[PreparedMotion, ClosedLoop | None]:
    """The motion closed, where that is asked for. Raises InvalidOptions (`close_loop`)."""
    if options.loop == "keep":
        return source, None
    closed = close_loop(source.motion)
    return replace(source, motion=closed.motion, notices=(*source.notices, *closed.notices)), closed


def shape_clip(item: RetargetedClip, loop: ClosedLoop | None, options: JobOptions) -> RetargetedClip:
    """The clip as `options` want it; itself where they want nothing. `loop` is how its source was closed.

    Raises InvalidOptions (`place_travel`).
    """
    return item if loop is None and not options.mirror else reshape_clip(item, loop, options)


def reshape_clip(item: RetargetedClip, loop: ClosedLoop | None, options: JobOptions) -> RetargetedClip:
    """As `shape_clip`, of a clip that was made with other options: its travel is placed anew."""
    travelling = item.scored if item.root is None else without_root(item.scored)
    if loop is not None:
        travelling = close_loop(travelling, kept_by(loop.lap)).motion
    if options.mirror:
        item, travelling = _mirrored(item), mirror_motion(travelling)
    travel = measure_travel(travelling) if loop is None else looped_travel(travelling)
    placed, root = place_travel(travelling, options.root_motion, travel)
    scored = travelling if options.root_motion == "in_place" else placed
    return replace(item, scored=scored, result=placed, clip=to_clip(placed, root), root=root)


def _mirrored(item: RetargetedClip) -> RetargetedClip:
    """All but the result itself mirrored."""
    motion = item.source.motion
    refined = item.refinement
    return replace(
        item,
        source=replace(item.source, motion=mirror_seen(motion)),
        contacts=mirror_contacts(item.contacts, motion),
        naive=mirror_motion(item.naive),
        notices=(*item.notices, *_left_out(item.result)),
        refinement=None if refined is None else replace(refined, base=mirror_motion(refined.base)),
    )


def _left_out(motion: BodyMotion) -> tuple[Notice, ...]:
    roles = one_sided(motion.body, find_symmetry(motion.body))
    if not roles:
        return ()
    named = ", ".join(roles[:NAMED]) + (", ..." if len(roles) > NAMED else "")
    joint = motion.body.skeleton.names[motion.body.mapping.roles[roles[0]].joint]
    text = f"only one side of the character has {named}; there the mirrored clip keeps the pose against its parent"
    return (Notice("mirror-one-sided", text, joint),)
