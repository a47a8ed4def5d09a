"""The verdict: pass, review or fail, from one table of limits over the scores.

A row compares one value with two limits. The verdict is the worst outcome of any row. A value that is absent never
passes silently: its row says `absent` with the reason, and counts as the row's `if_absent` says, because for some
scores absence is harmless (a still source has no movement to lose) and for others it means that nothing was checked. A
score that failed (`UNMEASURED`) is never harmless: it counts as review. What the user switched off decides nothing.

Values that depend on the source are taken beyond the source: a result is not blamed for a slide that is in the motion.
Jerk is taken beyond the naive copy's too, which shows what other proportions alone bring: an arm of half the body's
height swings twice as hard as one of a quarter.
Thresholds are set where a viewer of a game character begins to notice (review) and where the motion is spoilt (fail),
and so that the 99th percentile over 334 clips on 16 characters (`retarget evaluate sweep --clips all`), lies
near review: skate 1.31, jerk 1.5, leg jerk 2.4, limbs 7.2 degrees.
Penetration, over 77 pairs spread evenly over clips and characters: 1.4, 9.3, 16.8, 21.8 % of limb vertices (percentiles
75, 90, 95, 99), and beyond the copy's 0.2, 1.5, 2.6 % (90, 95, 99). Hands that hold things and capes touch the body in
clips as their authors made them, up to 10 %, so that only what is plainly more is blamed; `refine: geometry` takes it
away.
Meaning is judged beside the copy: of 28 good results over all kinds of bodies none lost more than 0.11 of the copy's
calibrated similarity (`retarget evaluate meaning --pairs 32`), of 168 spoilt ones 41 % more than the limit of 0.15. The
similarity itself is shown and decides nothing: the built-in eye does not know every kind of body (AUC 0.77 against
other moments on the held-out KayKit Knight and Mage, 0.997 and more on five other pairs), so that a quarter of the good
results, those between drawn figures and others, have less than 0.14, and it reads hands that were moved out of a wide
body as another pose.

The rows of `SEEN_FIRST` are what a person sees before any of that: a limb that points elsewhere, is frozen, wrung or
torn off, knees bent the wrong way, feet off their own floor, skin left behind. `retarget evaluate spoilt` shows what
they find; over 350 pairs drawn from all clips and characters these were the most (the other way the least): arms 1.2
degrees, legs 13.5 (99th percentile 8.6), movement of arms, head and fingers 0.64, of legs 0.35, bend 0.71, knees 5 %,
hand roll 0, own floor 0.8 % (the next 0.05 %), travel 6.7 %, edges torn 0.9 %, the longest grown by 21 % (a skirt),
collapsed 0.6 %; but for one character whose hair stayed behind.
Spoilt by half: turned 10 degrees, movement 0.5, roll 90 degrees, 1.5 % over the floor, travel 10 %.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from workers.scores.failures import FAILED
from workers.scores.scores import NOT_FINITE

Outcome = Literal["pass", "review", "fail"]
SEVERITY: Mapping[str, int] = {"pass": 0, "review": 1, "fail": 2}

# Planted feet slower than this are seen as standing: 3 cm/s for an adult. A slide is compared with the source's, or
# with this where the source's is less, so that 2 mm/s over 1 mm/s is no failure.
VISIBLE_SKATE = 0.02  # body heights / s

# Less jerk is seen as standing still: hand-made characters that stand and breathe have 1 to 7, a calm walk 35, its legs
# 130. Jerk is compared with the source's, or with this where the source's is less: of two that nobody sees, 20 times
# the one is no failure, and where the source stands still as a post a result may breathe but not shake.
CALM_JERK = 5.0  # body heights / s^3

LIMITS_MEANING = (-1.0, -2.0)  # review, fail: out of reach, see above; the score lies from 0 to 1
LIMIT_LOSS_TO_COPY = 0.15

# Not absent but broken: something was there to be measured.
UNMEASURED = (NOT_FINITE, FAILED)

MEANING_KEYS = ("semantic_similarity", "semantic_similarity.calibrated")

Value = tuple[float | None, str]  # a value, or None with its reason


@dataclass(frozen=True)
class Evidence:
    """What a row may look at: the result's scores, why some are absent, the naive copy's, the result's before its
    refinement (the same where it was not refined), and the body's height.
    """

    scores: Mapping[str, Any]
    not_applicable: Mapping[str, str]
    naive: Mapping[str, Any]
    unrefined: Mapping[str, Any]
    height_m: float

    def absent(self, *keys: str) -> Value:
        """No value, with the reason of the first of these scores that has one."""
        reasons = [self.not_applicable[key] for key in keys if key in self.not_applicable]
        return None, reasons[0] if reasons else f"{keys[0]} was not measured"


Measure = Callable[[Evidence], Value]


@dataclass(frozen=True)
class VerdictRow:
    """`worse` tells on which side of a limit a value is worse; `if_absent` what a missing value counts as."""

    score: str
    measure: Measure
    worse: Literal["above", "below"]
    limit_review: float
    limit_fail: float
    if_absent: Outcome
    meaning: str


def _plain(key: str, derive: Callable[[float, Evidence], float] = lambda value, _: value) -> Measure:
    """A score, or what is derived of it."""

    def measure(evidence: Evidence) -> Value:
        value = evidence.scores.get(key)
        return evidence.absent(key) if value is None else (derive(value, evidence), "")

    return measure


def _jerk(name: str) -> Measure:
    """Over the source's or the naive copy's, whichever has more, or over `CALM_JERK`."""

    def measure(evidence: Evidence) -> Value:
        result, source = (evidence.scores.get(f"{name}_{side}") for side in ("result", "source"))
        if result is None or source is None:
            return evidence.absent(f"{name}_result", f"{name}_source")
        return result / max(source, evidence.naive.get(f"{name}_result") or 0.0, CALM_JERK), ""

    return measure


def _share_of_height(name: str) -> Measure:
    """Centimetres beyond the source's own, in percent of body height."""
    key, own = f"{name}_cm", f"{name}_source_cm"

    def measure(evidence: Evidence) -> Value:
        values = evidence.scores.get(key), evidence.scores.get(own)
        if values[0] is None or values[1] is None:
            return evidence.absent(key, own)
        return max(0.0, values[0] - values[1]) / evidence.height_m, ""

    return measure


def _own_share_of_height(key: str) -> Measure:
    """Centimetres to either side, in percent of body height."""
    return _plain(key, lambda value, evidence: abs(value) / evidence.height_m)


def _off_one(key: str) -> Measure:
    """How far a ratio is from 1, in percent."""
    return _plain(key, lambda value, _: 100.0 * abs(value - 1.0))


def _beyond_source(key: str, source_key: str) -> Measure:
    """How much more than the source's, which counts as none where it is absent."""
    return _plain(key, lambda value, evidence: max(0.0, value - (evidence.scores.get(source_key) or 0.0)))


def _skate(evidence: Evidence) -> Value:
    result, source = (evidence.scores.get(f"foot_skate_{side}") for side in ("result", "source"))
    if result is None or source is None:
        return evidence.absent("foot_skate_result", "foot_skate_source")
    return result / max(source, VISIBLE_SKATE), ""


def _meaning(evidence: Evidence) -> Value:
    value = (evidence.scores.get("semantic_similarity") or {}).get("calibrated")
    return evidence.absent(*MEANING_KEYS) if value is None else (value, "")


def _meaning_lost(evidence: Evidence) -> Value:
    """How much less than the naive copy a result means, calibrated; 0 where it means as much. Of a refined clip, before
    its refinement: that has guards of its own, and the built-in encoder takes hands that were moved out of a body for
    another pose.
    """
    ours, copies = (
        (scores.get("semantic_similarity") or {}).get("calibrated") for scores in (evidence.unrefined, evidence.naive)
    )
    if ours is None or copies is None:
        return evidence.absent(*MEANING_KEYS)
    return max(0.0, copies - ours), ""


def _penetration_beyond_copy(evidence: Evidence) -> Value:
    ours, copies = (scores.get("penetration_pct") for scores in (evidence.scores, evidence.naive))
    if ours is None or copies is None:
        return evidence.absent("penetration_pct")
    return max(0.0, ours - copies), ""


TABLE: tuple[VerdictRow, ...] = (
    VerdictRow("mapping_confidence", _plain("mapping_confidence"), "below", 0.6, 0.3, "fail",
        "lesser mean confidence of the needed roles"),
    VerdictRow("limb_direction_error_deg", _plain("limb_direction_error_deg"), "above", 10.0, 25.0, "review",
        "mean angle between result and source limbs"),
    VerdictRow("movement_ratio", _plain("movement_ratio"), "below", 0.8, 0.5, "pass",
        "limb movement kept; 0 is a frozen pose"),
    VerdictRow("foot_skate", _skate, "above", 1.2, 2.5, "pass",
        f"slide of planted feet over the source's, or over {VISIBLE_SKATE} heights/s where that is less"),
    VerdictRow("foot_float", _share_of_height("foot_float"), "above", 1.0, 4.0, "pass",
        "planted soles over the ground beyond the source's, % of height"),
    VerdictRow("ground_penetration", _share_of_height("ground_penetration"), "above", 1.0, 4.0, "pass",
        "soles below the ground beyond the source's, % of height"),
    VerdictRow("jerk_ratio", _jerk("jerk"), "above", 1.5, 3.0, "pass",
        f"jerk over the most of the source's, the naive copy's and {CALM_JERK:g} heights/s^3"),
    VerdictRow("leg_jerk_ratio", _jerk("leg_jerk"), "above", 2.0, 4.0, "pass",
        "the same of knees and ankles: pops of the legs"),
    VerdictRow("joint_limit", _beyond_source("joint_limit_pct", "joint_limit_source_pct"), "above", 5.0, 20.0, "review",
        "% of joints beyond anatomy, beyond the source's"),
    VerdictRow("hips_height_drift_pct", _plain("hips_height_drift_pct"), "above", 8.0, 20.0, "review",
        "change of hip height in % of leg length"),
    VerdictRow("semantic_similarity", _meaning, "below", *LIMITS_MEANING, "pass",
        "calibrated: 1 is the same moment on another body, 0 another moment"),
    VerdictRow("semantic_loss_to_copy", _meaning_lost, "above", LIMIT_LOSS_TO_COPY, 1.0, "pass",
        "calibrated similarity of the naive copy, less the result's (before refinement)"),
    VerdictRow("penetration_pct", _plain("penetration_pct"), "above", 8.0, 25.0, "pass",
        "% of limb vertices inside the body or another limb"),
    VerdictRow("penetration_beyond_copy", _penetration_beyond_copy, "above", 2.5, 10.0, "pass",
        "the same, less the naive copy's: what retargeting itself pushed in"),
    VerdictRow("arm_error_deg", _plain("arm_error_deg"), "above", 7.0, 25.0, "review",
        "mean angle of the arm segment that points worst"),
    VerdictRow("leg_error_deg", _plain("leg_error_deg"), "above", 9.3, 25.0, "review",
        "median angle of the worse leg, hip to ankle"),
    VerdictRow("least_movement_ratio", _plain("least_movement_ratio"), "below", 0.6, 0.15, "pass",
        "movement kept by the arm, head or fingers that keep least; 0 is frozen"),
    VerdictRow("leg_movement_ratio", _plain("leg_movement_ratio"), "below", 0.3, 0.1, "pass",
        "movement kept by the leg that keeps least"),
    VerdictRow("bend_kept", _plain("bend_kept"), "below", 0.5, -0.2, "pass",
        "signed bend kept by the worst knee or elbow; -1 is mirrored"),
    VerdictRow("knees_wrong_way_pct", _plain("knees_wrong_way_pct"), "above", 25.0, 75.0, "pass",
        "% of frames in which the worse knee is bent to the front"),
    VerdictRow("hand_roll_error_deg", _plain("hand_roll_error_deg"), "above", 30.0, 120.0, "pass",
        "mean roll of the worse hand about its forearm, away from the source's"),
    VerdictRow("joint_displacement", _own_share_of_height("joint_displacement_cm"), "above", 1.0, 10.0, "review",
        "joint farthest from where its parent carries it, % of height"),
    VerdictRow("foot_own_floor", _own_share_of_height("foot_own_floor_cm"), "above", 0.6, 10.0, "pass",
        "planted soles over or under the body's own floor, % of height"),
    VerdictRow("root_travel", _off_one("root_travel_ratio"), "above", 7.0, 30.0, "pass",
        "scale of the path on the ground off that of the legs, %"),
    VerdictRow("feet_unmeasured_pct", _plain("feet_unmeasured_pct"), "above", 50.0, 100.0, "pass",
        "% of frames in which the source stands and no foot joint is there to be measured"),
    VerdictRow("undriven_skin_pct", _plain("undriven_skin_pct"), "above", 0.1, 10.0, "pass",
        "% of the skin on joints that stay behind the body; a warning names them"),
    VerdictRow("skin_torn_pct", _plain("skin_torn_pct"), "above", 1.5, 5.0, "pass",
        "% of the skin's edges stretched beyond twice their length"),
    VerdictRow("skin_longest", _own_share_of_height("skin_longest_cm"), "above", 25.0, 60.0, "pass",
        "growth of the edge that grew most, % of height"),
    VerdictRow("skin_collapsed_pct", _plain("skin_collapsed_pct"), "above", 1.5, 5.0, "pass",
        "% of the skin's faces that collapsed, as on a wrung wrist"),
)  # fmt: skip

# What a person sees first; the others stood before these.
SEEN_FIRST = frozenset((
    "arm_error_deg", "leg_error_deg", "least_movement_ratio", "leg_movement_ratio", "bend_kept", "knees_wrong_way_pct",
    "hand_roll_error_deg", "joint_displacement", "foot_own_floor", "root_travel", "feet_unmeasured_pct",
    "undriven_skin_pct", "skin_torn_pct", "skin_longest", "skin_collapsed_pct",
))  # fmt: skip


def judge(
    scores: Mapping[str, Any],
    not_applicable: Mapping[str, str],
    height_m: float,
    naive: Mapping[str, Any] | None = None,
    unrefined: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """`{verdict, decided_by, absent, rows}`; `height_m` is the result's body height, `naive` the copy's scores,
    `unrefined` those of a refined clip before.

    `rows` are `{score, meaning, value, limit_review, limit_fail, outcome, reason}`, with outcome pass, review, fail or
    absent; `decided_by` names the rows that brought the verdict below pass, `absent` those without a value.
    """
    evidence = Evidence(scores, not_applicable, naive or {}, unrefined or scores, height_m)
    rows, counts = [], []
    for row in TABLE:
        value, reason = row.measure(evidence)
        outcome = _absence(row, reason) if value is None else _compare(row, value)
        counts.append(outcome)
        rows.append(
            {
                "score": row.score,
                "meaning": row.meaning,
                "value": None if value is None else float(f"{value:.6g}"),
                "worse": row.worse,
                "limit_review": row.limit_review,
                "limit_fail": row.limit_fail,
                "outcome": "absent" if value is None else outcome,
                "reason": reason if value is None else None,
            }
        )
    worst = max(counts, key=SEVERITY.__getitem__)
    decisive = [row["score"] for row, count in zip(rows, counts, strict=True) if count == worst and worst != "pass"]
    absent = [row["score"] for row in rows if row["outcome"] == "absent"]
    return {"verdict": worst, "decided_by": decisive, "absent": absent, "rows": rows}


def without_rows(verdict: Mapping[str, Any], left_out: Container[str]) -> Outcome:
    """What a verdict (`judge`) would be without the rows of these names."""
    rows = {row["score"]: row for row in verdict["rows"]}
    counts: list[Outcome] = ["pass"]
    for row in TABLE:
        found = rows.get(row.score)
        if found is not None and row.score not in left_out:
            counts.append(_absence(row, found["reason"]) if found["outcome"] == "absent" else found["outcome"])
    return max(counts, key=SEVERITY.__getitem__)


def at_least(verdict: str, limit: Outcome) -> bool:
    """Whether a verdict is as bad as `limit` or worse (`fail_on`)."""
    return SEVERITY[verdict] >= SEVERITY[limit]


def _absence(row: VerdictRow, reason: str) -> Outcome:
    """What a missing value counts as; at least review where measuring failed."""
    failed = row.if_absent == "pass" and reason.startswith(UNMEASURED)
    return "review" if failed else row.if_absent


def _compare(row: VerdictRow, value: float) -> Outcome:
    sign = 1.0 if row.worse == "above" else -1.0
    if sign * value > sign * row.limit_fail:
        return "fail"
    return "review" if sign * value > sign * row.limit_review else "pass"
