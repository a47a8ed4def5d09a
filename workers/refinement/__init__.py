"""Refinement at test time: a small smooth change of the result that keeps hands out of bodies and on their contacts.

    stage         the part of a job that refines: one time budget and one encoder for all its clips
    budget        how long it may take, and whether it can run at all
    refine        a retargeted clip in, a refined one out
    problem       what is known of a clip before its refinement begins
    activity      when and where there is something to correct
    windows       which knots are worked on together
    window        one window: rounds of geometry, then of an encoder
    optimiser     one round: steps, early stop, deadline
    plan          when penetration becomes firm, and how many steps a round has
    residual      what may change: turns of joints, swivels of legs; what they move, and that planted feet do not
    spline        a curve along a clip that bends no faster than its knots, and closes where the clip loops
    smooth_steps  the optimiser's own variables, in which smoothness and prior are of one size
    losses        what is asked of the change itself: near the base, smooth, no joint bent too far
    body_terms    penetration and self-contact, as losses and as what a window is judged by
    limits        joint limits, with gradients
    reachable     which of the source's self-contacts this body can make
    leash         how far each limb may go from where it was
    clearance     how far limbs keep from surfaces
    surfaces      the reduced surface that is moved
    semantic      what an encoder asks for
    weights       every weight in one table, with where it comes from
    guards        what a change must keep, whatever its scores gain
    accept        what a window must gain to be taken
    repair        which weight is raised when a guard or a score is broken

The surface, its contacts and the distances are in `workers.geometry`, the encoders in `workers.semantics`. Importing
this package loads no torch; importing its modules does, but for `budget` and `stage`. `README.md` beside has what was
measured, and what harm is left.
"""
