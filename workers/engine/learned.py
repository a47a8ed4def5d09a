"""A learned result beside the analytic one: what is worse by the report's own scores is not handed out as if it were
better.

Under `method: auto` the analytic result is taken instead; who asks for the network by its name gets what it made, with
a warning that says what is worse. Compared are penetration, self-contacts and relations of the whole clips, measured as
the report measures them; differences as small as those between two ways of sampling do not count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from workers.contract.options import JobOptions
from workers.preparation.prepare import PreparedCharacter, PreparedMotion
from workers.retargeting.clip import RetargetedClip, retarget_clip
from workers.retargeting.methods import Method, choose_method
from workers.skeleton.model import Notice

# By how much a score may be worse, as an amount and as a share of the analytic result's; the larger counts.
ALLOWED = {
    "penetration_pct": (0.3, 0.05),
    "contact_error": (0.03, 0.05),
    "relation_error": (0.005, 0.05),
}
LESS_IS_WORSE = {"contact_recall": 0.02}


def retarget_by(
    method: Method, source: PreparedMotion, target: PreparedCharacter, options: JobOptions
) -> RetargetedClip:
    """One clip onto one character, as every file of a job is made; what a learned method makes is compared first."""
    made = retarget_clip(source, target, options, method)
    return no_worse_than_analytic(made, source, target, options) if method.learned else made


def no_worse_than_analytic(
    made: RetargetedClip, source: PreparedMotion, target: PreparedCharacter, options: JobOptions
) -> RetargetedClip:
    """`made` by a learned method of `source`, or the analytic result, with a warning where anything is worse."""
    plain = retarget_clip(source, target, options, choose_method("analytic"))
    worse = "; ".join(_worse(made, plain, target))
    if not worse:
        return made
    if options.method == "auto":
        text = f"the network's result is worse than the analytic one ({worse}); the analytic one is taken"
        return replace(plain, notices=(*plain.notices, Notice("network-not-taken", text)))
    text = f"the network's result is worse than the analytic one: {worse}; use method 'auto' or 'analytic'"
    return replace(made, notices=(*made.notices, Notice("network-worse", text)))


def _worse(made: RetargetedClip, plain: RetargetedClip, target: PreparedCharacter) -> Iterator[str]:
    # Surfaces take packages that a job by the analytic method does without.
    from workers.geometry.prepared import surfaces_of
    from workers.scores.relation_scores import relation_scores
    from workers.scores.surface_measures import geometry_scores

    source, surfaces = made.source.motion, surfaces_of(target)
    seen = surfaces_of(made.source).light
    motions = [made.scored, plain.scored]
    measured = geometry_scores(motions, source, seen, surfaces)
    related = relation_scores(motions, source, seen, surfaces.light)
    own, other = ({**one.values, **two.values} for one, two in zip(measured, related, strict=True))
    for name, (amount, share) in ALLOWED.items():
        now, before = own.get(name), other.get(name)
        if now is not None and before is not None and now > before + max(amount, share * before):
            yield f"{name} {now:.3g} against {before:.3g}"
    for name, amount in LESS_IS_WORSE.items():
        now, before = own.get(name), other.get(name)
        if now is not None and before is not None and now < before - amount:
            yield f"{name} {now:.3g} against {before:.3g}"
