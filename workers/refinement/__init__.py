"""Refinement at test time: a small smooth change of the result that keeps hands out of bodies and on their contacts.

    weights      one table of every weight, with where it comes from
    spline       a curve along a clip that bends no faster than its knots, and closes where the clip loops
    residual     the curve's values as turns of joints; what they move, and that planted feet do not
    activity     when and where there is something to correct
    windows      which knots are worked on together
    losses       what the geometry and the prior ask for
    room         how far limbs keep from surfaces
    semantic     what an encoder asks for
    plan         when penetration becomes firm, and how many steps a round has
    optimiser    one round: steps, early stop, deadline
    guards       what a change must keep, whatever its scores gain
    accept       never worse: what a window must gain to be taken
    repair       which weight is raised when a guard or a score is broken
    window       one window: rounds of geometry, then of an encoder
    refine       a retargeted clip in, a refined one out

The surface, its contacts and the distances are in `workers.geometry`, the encoders in `workers.semantics`. Importing
this package loads no torch; importing its modules does.
"""
