"""Where a result stands: its feet on its own floor, its path at the scale of its legs, and whether feet were measured.

Foot scores compare with the source's ground, so a ground that was found wrong is found wrong twice; here the
character's own floor counts (`Body.floor_m`, its soles in the rest pose).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from workers.contract.options import JobOptions
from workers.motion.body_motion import BodyMotion, hip_centre
from workers.motion.contacts import PLANTED_HEIGHT, FootContacts, sole_heights
from workers.retargeting.analytic import leg_scale
from workers.scores.foot_scores import result_track, source_track
from workers.scores.pose_scores import hip_heights
from workers.skeleton import quat
from workers.skeleton.body import FOOT_ROLES
from workers.skeleton.model import Array

OWN_FLOOR = "foot_own_floor_cm"

# A path whose root mean square way from its middle is shorter than this share of the leg has no scale to speak of.
LEAST_TRAVEL = 0.25
# Less of the source's path than this is none: the result was made in place.
IN_PLACE = 0.02
# Of the frames' lowest soles, the one that shows where a clip without contacts is over its floor.
LOWEST = 0.05
# Shares of height that are no offset: of such a sole, which nothing holds, and of a plane found from contacts.
ROUGH_SOLE = 0.06
ROUGH_PLANE = 0.02
# Hip joints over a planted sole, in leg lengths: a body that stands on it. One that sits lets its feet hang.
STANDS_OVER = 0.75
# Hip joints this high over the ankles, in leg lengths: a body that stands, walks or squats, not one that lies.
STANDING = (0.5, 1.1)


def switched_off(options: JobOptions) -> Mapping[str, str]:
    """Scores that decide nothing with these options, with the reason: feet that the user left where they are."""
    if options.foot_contact == "off":
        return {OWN_FLOOR: "foot_contact is off: feet are not held on the floor"}
    if options.ground == "none":
        return {OWN_FLOOR: "ground is none: the source's heights are kept"}
    return {}


def own_floor_offset_cm(
    result: BodyMotion, source: BodyMotion, contacts: FootContacts, source_floor_m: float
) -> float | None:
    """How high planted soles stand over the body's own floor in centimetres, negative below it; None without feet, and
    for a clip that neither stands nor is planted anywhere.

    The median height over each contact's ground, beyond what lies between the ground and the source's own soles over
    it (`_beyond`): feet that are held are nowhere else. Where the source's contacts lie on one plane under a body that
    stands on them, the plane's height over the floor too. On several levels, or where feet hang from a chair, a
    contact counts from its own ground; without any, an upright clip's lowest sole from where the source's is over its
    floor. The plane and such a sole are known roughly, to `ROUGH_PLANE` and `ROUGH_SOLE`.
    """
    track = source_track(contacts, source.body, result.body, source_floor_m)
    if not track.roles:
        return None
    scale, height = leg_scale(source.body, result.body), result.body.height_m
    columns = [FOOT_ROLES.index(role) for role in track.roles]
    soles, theirs = (sole_heights(motion)[:, columns] for motion in (result, source))
    if not track.planted.any():
        if np.median(hip_centre(source)[:, 1] - theirs.min(axis=1)) < STANDS_OVER * source.body.leg_length_m:
            return None
        own, meant = (float(np.quantile(values.min(axis=1), LOWEST)) for values in (soles, theirs))
        offset = own - result.body.floor_m - scale * (meant - source_floor_m)
        return 100.0 * _beyond(offset, -ROUGH_SOLE * height, ROUGH_SOLE * height)
    ground = result_track(track, source.body, result.body, source_floor_m).ground_m
    over, meant = (
        float(np.median(values[track.planted])) for values in (soles - ground, scale * (theirs - track.ground_m))
    )
    offset = _beyond(over, min(0.0, meant), max(0.0, meant))
    lowest, level, highest = np.quantile(contacts.ground_m[contacts.planted], [0.05, 0.5, 0.95])
    stands = np.median((hip_centre(result)[:, [1]] - soles)[track.planted]) > STANDS_OVER * result.body.leg_length_m
    if stands and highest - lowest <= PLANTED_HEIGHT * source.body.height_m:
        plane = scale * (float(level) - source_floor_m)
        offset += _beyond(plane, -ROUGH_PLANE * height, ROUGH_PLANE * height)
    return 100.0 * offset


def root_travel_ratio(result: BodyMotion, source: BodyMotion, travel_scale: float) -> float | None:
    """The scale of the result's path on the ground over the wanted one: 1 where both agree.

    The regression of the way from the path's middle on the source's, scaled by `travel_scale`. None where the source
    does not travel, or the result was made in place.
    """
    expected = _path(source) * travel_scale
    made = _path(result)
    power = float((expected**2).sum(axis=1).mean())
    if power < (LEAST_TRAVEL * result.body.leg_length_m) ** 2:
        return None
    ratio = float((made * expected).sum(axis=1).mean()) / power
    return None if abs(ratio) < IN_PLACE and float((made**2).sum(axis=1).mean()) < IN_PLACE * power else ratio


def standing_pct(source: BodyMotion, source_floor_m: float) -> float:
    """Share of frames in percent in which the hip joints are as high over the ground as in standing, to squatting."""
    heights = hip_heights(source, source_floor_m)
    return 100.0 * float(((heights > STANDING[0]) & (heights < STANDING[1])).mean())


def _beyond(value: float, low: float, high: float) -> float:
    """How far a value is above `high`, or below `low` as a negative number; 0 between them."""
    return value - float(np.clip(value, low, high))


def _path(motion: BodyMotion) -> Array:
    """Way on the ground from the path's middle `(frames, 2)` in the body's own heading."""
    path = quat.rotate(quat.conjugate(motion.body.facing), hip_centre(motion))[:, [0, 2]]
    centred: Array = path - path.mean(axis=0)
    return centred
