"""Refinement at test time: a small smooth change of the result that keeps hands out of bodies and on their contacts.

    weights      one table of every weight, with where it comes from
    spline       a curve along a clip that bends no faster than its knots, and closes where the clip loops
    residual     the curve's values as turns of joints; what they move, and that planted feet do not
    activity     when and where there is something to correct
    windows      which knots are worked on together
    losses       what the geometry and the prior ask for
    semantic     what an encoder asks for
    optimiser    one window: steps, early stop, deadline
    accept       never worse: what a window must keep to be taken
    refine       a retargeted clip in, a refined one out

The surface, its contacts and the distances are in `workers.geometry`, the encoders in `workers.semantics`. Importing
this package loads no torch; importing its modules does.
"""
