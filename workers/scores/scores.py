"""The scores of one result: one flat object of numbers, computed alike for the result and the naive copy.

A score that does not apply is None, with its reason in `not_applicable`; no value is ever NaN or infinite. Numerator
and denominator of a ratio are scores of their own. Keys, units and where the formula stands:

    foot_skate_ratio              foot_skate_result / foot_skate_source
    foot_skate_result, _source    body heights / s, horizontal, over planted steps      foot_scores.foot_skate
    foot_float_cm, ground_penetration_cm    at the character's real size                foot_scores
    foot_float_source_cm, ground_penetration_source_cm    the source's own, scaled to the character by leg length
    jerk_ratio                    jerk_result / jerk_source
    jerk_result, jerk_source      body heights / s^3, root-relative                     smoothness.jerk
    leg_jerk_ratio, _result, _source    the same over knees and ankles
    joint_limit_pct, joint_limit_source_pct    share of frames x joints beyond anatomy  pose_scores.beyond_limits
    limb_direction_error_deg      mean over frames and limbs                            pose_scores.limb_errors_deg
    movement_ratio                mean angular speed of the limbs, result / source      pose_scores.limb_speed
    hips_height_drift_pct         mean |difference of hip height|, in leg lengths       pose_scores.hips_height_drift
    mapping_confidence            the lesser of the two mappings' (0 to 1)              pose_scores.mapping_confidence
    mpjpe_pct_height              against a true clip, root-relative                    pose_scores.position_errors
    arm_error_deg, leg_error_deg  mean angle of the worst segment, of the worse leg     limb_scores
    least_movement_ratio          of any arm segment, the head, a hand's fingers        limb_scores.least_movements
    leg_movement_ratio            of the leg that moves less of its source's            limb_scores.least_movements
    bend_kept                     signed, of the worst knee or elbow; -1 is mirrored    limb_scores.bend_kept
    knees_wrong_way_pct           frames in which the worse knee is bent to the front   limb_scores.knees_wrong_way
    hand_roll_error_deg           of the worse hand about its forearm                   limb_scores.hand_roll_error_deg
    joint_displacement_cm         farthest from where its parent carries it             limb_scores.joint_displacement_m
    foot_own_floor_cm             planted soles over the body's own floor, signed       stance_scores
    root_travel_ratio             scale of the path on the ground over that of the legs stance_scores.root_travel_ratio
    feet_unmeasured_pct           frames in which a source stands whose feet have no score    stance_scores.standing_pct
    semantic_similarity {raw, calibrated}, scl, itm, itm_source    `put_meaning`; workers.semantics.similarity
    penetration_pct               penetration_vertices / penetration_checked            surface_measures
    penetration_max_cm, penetration_mean_cm    depth, at the character's real size      surface_measures
    contact_error, contact_recall, contact_precision    self-contacts of the source     workers.geometry.contact_scores
    contact_frames_source, _held, _result, _right    counts behind recall and precision
    relation_error                hands, limbs and head with respect to the own body    relation_scores
    relation_error_hands, _forearms, _elbows, _feet, _knees, _head    of the worse side
    undriven_skin_pct             skin on joints that stay behind the body              skin_measures
    skin_torn_pct, skin_collapsed_pct, skin_longest_cm    strain against the bind pose  skin_measures

`itm_source` is the source's own match with the description, so that `itm` can be compared. The last rows are set by
`surface_scores`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from workers.motion.body_motion import BodyMotion
from workers.motion.contacts import FootContacts
from workers.retargeting.analytic import leg_scale
from workers.scores import foot_scores, limb_scores, pose_scores, smoothness, stance_scores
from workers.scores.failures import ScoreFailure, failure
from workers.scores.joint_limits import Limits
from workers.skeleton.body import FOOT_ROLES
from workers.skeleton.model import Array

# Below these a source has no slide, jerk or movement to speak of, and a ratio to it would be noise.
MIN_SKATE = 0.002  # body heights / s: 3 mm/s for an adult
MIN_JERK = 1.0  # body heights / s^3: a character that stands and breathes has more, a calm walk 35
MIN_MOVEMENT_DEG_S = 0.5

FEET_KEYS = (
    "foot_skate_ratio", "foot_skate_result", "foot_skate_source",
    "foot_float_cm", "foot_float_source_cm", "ground_penetration_cm", "ground_penetration_source_cm",
)  # fmt: skip
SMOOTHNESS_KEYS = (
    "jerk_ratio", "jerk_result", "jerk_source", "leg_jerk_ratio", "leg_jerk_result", "leg_jerk_source",
)  # fmt: skip
POSE_KEYS = (
    "joint_limit_pct", "joint_limit_source_pct", "limb_direction_error_deg", "movement_ratio", "hips_height_drift_pct",
)  # fmt: skip
LIMB_KEYS = (
    "arm_error_deg", "leg_error_deg", "least_movement_ratio", "leg_movement_ratio", "bend_kept", "knees_wrong_way_pct",
    "hand_roll_error_deg", "joint_displacement_cm",
)  # fmt: skip
STANCE_KEYS = (stance_scores.OWN_FLOOR, "root_travel_ratio", "feet_unmeasured_pct")
SEMANTIC_KEYS = ("semantic_similarity", "scl", "itm", "itm_source")
SURFACE_KEYS = (
    "penetration_pct", "penetration_vertices", "penetration_checked", "penetration_max_cm", "penetration_mean_cm",
    "contact_error", "contact_recall", "contact_precision",
    "contact_frames_source", "contact_frames_held", "contact_frames_result", "contact_frames_right",
)  # fmt: skip
RELATION_KEYS = (
    "relation_error", "relation_error_hands", "relation_error_forearms", "relation_error_elbows",
    "relation_error_feet", "relation_error_knees", "relation_error_head",
)  # fmt: skip
SKIN_KEYS = ("undriven_skin_pct", "skin_torn_pct", "skin_collapsed_pct", "skin_longest_cm")
# How the reason begins of a score that was there to be measured and is not: the verdict never passes over it.
NOT_FINITE = "the value is not finite"
NO_ENCODER = "meaning is not measured here"
NO_SURFACE_MEASURE = "penetration and self-contact are not measured here"
NO_FEET = "the bodies share no foot joint, or lie and are planted nowhere"
NO_CONTACTS = "no foot of the source is planted, or a body has no feet"


@dataclass
class Scores:
    """`values` in the order of this module's docstring; `not_applicable` says why a value is None, `failures` which
    parts of the scores raised.
    """

    values: dict[str, Any] = field(default_factory=dict)
    not_applicable: dict[str, str] = field(default_factory=dict)
    failures: list[ScoreFailure] = field(default_factory=list)

    def put(self, key: str, value: float | None, reason: str) -> None:
        """`reason` is kept only where the value is absent. A value that is not finite is absent and says so."""
        if value is not None and not math.isfinite(value):
            value, reason = None, NOT_FINITE
        self.values[key] = None if value is None else float(f"{value:.6g}")
        if value is None:
            self.not_applicable[key] = reason

    def put_part(self, what: str, keys: Sequence[str], put: Callable[[], None]) -> None:
        """Let `put` set all of `keys`; where it fails, all of them are absent (`workers.scores.failures`)."""
        try:
            put()
        except Exception as error:
            failed = failure(what, error)
            self.failures.append(failed)
            for key in keys:
                self.put(key, None, failed.reason)

    def leave_out(self, reasons: Mapping[str, str]) -> None:
        """Make scores absent, for these reasons."""
        for key, reason in reasons.items():
            self.put(key, None, reason)


@dataclass(frozen=True)
class MeaningValues:
    """Semantic scores of one body. `reasons` says why a value is absent, by score; `semantic_similarity` is the reason
    for all that have none of their own.
    """

    raw: float | None = None
    calibrated: float | None = None
    scl: float | None = None
    itm: float | None = None
    itm_source: float | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)


def put_meaning(scores: Scores, meaning: MeaningValues) -> None:
    """Set the semantic scores, or what was said of their absence."""
    everything = meaning.reasons.get("semantic_similarity", NO_ENCODER)
    similarity: dict[str, float | None] = {}
    for name, value in (("raw", meaning.raw), ("calibrated", meaning.calibrated)):
        similarity[name] = None if value is None else float(f"{value:.6g}")
    scores.values["semantic_similarity"] = similarity
    for name in ("semantic_similarity", "semantic_similarity.calibrated"):
        scores.not_applicable.pop(name, None)
    if meaning.raw is None:
        scores.not_applicable["semantic_similarity"] = everything
    elif meaning.calibrated is None:
        key = "semantic_similarity.calibrated"
        scores.not_applicable[key] = meaning.reasons.get(key, everything)
    for key in SEMANTIC_KEYS[1:]:
        scores.not_applicable.pop(key, None)
        scores.put(key, getattr(meaning, key), meaning.reasons.get(key, everything))


def kinematic_scores(
    result: BodyMotion,
    source: BodyMotion,
    contacts: FootContacts,
    source_floor_m: float,
    truth: BodyMotion | None = None,
    limits: Limits | None = None,
    travel_scale: float | None = None,
) -> Scores:
    """Scores of `result` against `source`, frame by frame on one time axis.

    `contacts` are the source's; `source_floor_m` is the height of its ground, which the result has at its own floor.
    `truth` is the wanted motion of the result's own character, where there is one; `limits` are that character's own,
    role by role in place of anatomy. `travel_scale` is how far the result was meant to travel for each metre of the
    source, by default as far as its legs are longer. Raises ValueError where the numbers of frames differ.
    """
    if result.frames != source.frames or (truth is not None and truth.frames != result.frames):
        raise ValueError("motions must share one time axis to be scored")
    scores = Scores()
    seated = cache(lambda: pose_scores.seated_share(source, contacts, source_floor_m))
    travel = leg_scale(source.body, result.body) if travel_scale is None else travel_scale
    parts: tuple[tuple[str, Sequence[str], Callable[[], None]], ...] = (
        ("the feet", FEET_KEYS, lambda: _put_feet(scores, result, source, contacts, source_floor_m)),
        ("smoothness", SMOOTHNESS_KEYS, lambda: _put_smoothness(scores, result, source)),
        ("the pose", POSE_KEYS, lambda: _put_pose(scores, result, source, seated(), source_floor_m, limits or {})),
        ("the limbs", LIMB_KEYS, lambda: _put_limbs(scores, result, source, seated())),
        ("the stance", STANCE_KEYS, lambda: _put_stance(scores, result, source, contacts, source_floor_m, travel)),
        ("the mapping", ("mapping_confidence",), lambda: _put_mapping(scores, result, source)),
        ("distance from the true clip", ("mpjpe_pct_height",), lambda: _put_truth(scores, result, truth)),
    )
    for what, keys, put in parts:
        scores.put_part(what, keys, put)
    put_meaning(scores, MeaningValues())
    for key in (*SURFACE_KEYS, *RELATION_KEYS, *SKIN_KEYS):
        scores.put(key, None, NO_SURFACE_MEASURE)
    return scores


def _put_feet(
    scores: Scores, result: BodyMotion, source: BodyMotion, contacts: FootContacts, source_floor_m: float
) -> None:
    track = foot_scores.source_track(contacts, source.body, result.body, source_floor_m)
    result_ground = foot_scores.result_track(track, source.body, result.body, source_floor_m)
    slides = foot_scores.foot_skate(result, result_ground), foot_scores.foot_skate(source, track)
    _put_ratio(scores, "foot_skate", slides, MIN_SKATE, NO_CONTACTS, "the source's planted feet do not slide")
    scale = leg_scale(source.body, result.body)
    measures: tuple[tuple[str, Callable[[BodyMotion, foot_scores.FootTrack], float | None]], ...] = (
        ("foot_float", foot_scores.foot_float_cm),
        ("ground_penetration", foot_scores.ground_penetration_cm),
    )
    for name, measure in measures:
        own = measure(source, track)
        scores.put(f"{name}_cm", measure(result, result_ground), NO_CONTACTS)
        scores.put(f"{name}_source_cm", None if own is None else own * scale, NO_CONTACTS)


def _put_smoothness(scores: Scores, result: BodyMotion, source: BodyMotion) -> None:
    for name, find in (("jerk", smoothness.moving_roles), ("leg_jerk", smoothness.leg_roles)):
        roles = find(source.body, result.body)
        jerks = smoothness.jerk(result, roles), smoothness.jerk(source, roles)
        short = f"fewer than {smoothness.MIN_FRAMES} frames, or no joint that both bodies have"
        _put_ratio(scores, name, jerks, MIN_JERK, short, "most joints of the source stand still")


def _put_pose(
    scores: Scores,
    result: BodyMotion,
    source: BodyMotion,
    seated: Array,
    source_floor_m: float,
    limits: Limits,
) -> None:
    for name, motion, given in (("joint_limit_pct", result, limits), ("joint_limit_source_pct", source, {})):
        beyond = pose_scores.beyond_limits(motion, given)
        scores.put(name, 100.0 * float(beyond.mean()) if beyond.size else None, "no joint with a known limit")
    limbs = pose_scores.shared_limbs(source.body, result.body)
    error = float(pose_scores.limb_errors_deg(result, source).mean()) if limbs else None
    scores.put("limb_direction_error_deg", error, "the bodies share no limb")
    speeds = pose_scores.limb_speed(result, limbs), pose_scores.limb_speed(source, limbs)
    still = "the source's limbs do not move"
    ratio = None if speeds[0] is None or speeds[1] is None or speeds[1] < MIN_MOVEMENT_DEG_S else speeds[0] / speeds[1]
    scores.put("movement_ratio", ratio, still)
    drift = pose_scores.hips_height_drift(result, source, seated, source_floor_m)
    scores.put("hips_height_drift_pct", 100.0 * drift, "")


def _put_mapping(scores: Scores, result: BodyMotion, source: BodyMotion) -> None:
    confidence = [pose_scores.mapping_confidence(motion.body) for motion in (source, result)]
    scores.put("mapping_confidence", min(confidence), "")


def _put_truth(scores: Scores, result: BodyMotion, truth: BodyMotion | None) -> None:
    error = None if truth is None else 100.0 * float(pose_scores.position_errors(result, truth).mean())
    scores.put("mpjpe_pct_height", error, "no true clip was given")


def _put_limbs(scores: Scores, result: BodyMotion, source: BodyMotion, seated: Array) -> None:
    scores.put("arm_error_deg", limb_scores.arm_error_deg(result, source), "the bodies share no arm")
    scores.put("leg_error_deg", limb_scores.leg_error_deg(result, source, seated), "the bodies share no leg")
    still = "the source moves neither arms nor head nor fingers"
    of_arms, of_legs = limb_scores.least_movements(result, source)
    scores.put("least_movement_ratio", of_arms, still)
    scores.put("leg_movement_ratio", of_legs, "the source does not move its legs")
    scores.put("bend_kept", limb_scores.bend_kept(result, source), "no knee or elbow of the source is bent")
    wrong = limb_scores.knees_wrong_way(result)
    scores.put("knees_wrong_way_pct", None if wrong is None else 100.0 * wrong, "the body has no feet below its knees")
    roll = limb_scores.hand_roll_error_deg(result, source)
    scores.put("hand_roll_error_deg", roll, "the bodies share no hand")
    scores.put("joint_displacement_cm", 100.0 * limb_scores.joint_displacement_m(result), "")


def _put_stance(
    scores: Scores,
    result: BodyMotion,
    source: BodyMotion,
    contacts: FootContacts,
    source_floor_m: float,
    travel_scale: float,
) -> None:
    own = stance_scores.own_floor_offset_cm(result, source, contacts, source_floor_m)
    scores.put(stance_scores.OWN_FLOOR, own, NO_FEET)
    scores.put(
        "root_travel_ratio",
        stance_scores.root_travel_ratio(result, source, travel_scale),
        "no travel, or made in place",
    )
    has_feet = any(source.body.has(role) and result.body.has(role) for role in FOOT_ROLES)
    unmeasured = 0.0 if has_feet else stance_scores.standing_pct(source, source_floor_m)
    scores.put("feet_unmeasured_pct", unmeasured, "")


def _put_ratio(
    scores: Scores, name: str, pair: tuple[float | None, float | None], least: float, missing: str, still: str
) -> None:
    """`{name}_ratio` with its two parts; no ratio to a source below `least`."""
    result, source = pair
    absent = result is None or source is None
    ratio = None if result is None or source is None or source < least else result / source
    scores.put(f"{name}_ratio", ratio, missing if absent else still)
    scores.put(f"{name}_result", result, missing)
    scores.put(f"{name}_source", source, missing)
