"""What a result is worth: one flat object of numbers, a verdict, a report.

    scores            every key, its unit and where its formula stands
    failures          a score that fails costs itself, never the result
    foot_scores       sliding, floating and sinking feet
    pose_scores       where limbs point, joint limits, hip height, movement
    smoothness        jerk
    joint_limits      the limits that a definition gives
    surface_scores    the part of a job that measures penetration and self-contact
    surface_measures  these measures
    timeline          where in the clip a result slides, floats or points elsewhere
    verdict           pass, review or fail, from one table of limits
    report            the report as JSON

Semantic scores come from `workers.semantics`, surfaces and contacts from `workers.geometry`.
"""
