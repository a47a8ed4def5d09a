"""Refinement at test time: a small smooth change of the result that keeps hands out of bodies and on their contacts.

    stage         the part of a job that refines: one time budget and one encoder for all its clips
    budget        how long it may take, and whether it can run at all
    refine        a retargeted clip in, a refined one out
    problem       what is known of a clip before its refinement begins
    activity      when and where there is something to correct
    windows       which knots are worked on together
    window        one window: rounds of geometry, then of an encoder
    rounds        how many rounds a pass has, when penetration becomes firm
    gauss_newton  the rounds of one pass: equations, deadline
    levers        how places of the body move with it
    spline        a curve along a clip that bends no faster than its knots, and closes where the clip loops
    curve         the residual along it, and where that is zero
    rows          what a loss is
    losses        every loss in one table: weight, schedule, the guards it keeps
    staying       losses that keep a body as it is: places, what hands face, turns, the leash
    touching      penetration and self-contact as losses
    limits        joint limits as losses
    semantic      what an encoder asks for, as a loss
    witness       the same encoder in views that are not optimised, to judge by
    resting       which of the source's contacts must be reached, which hold already, and which cannot be made
    reachable     which of them this body can make, and where
    arm_length    how far an arm reaches, and which contacts lie within that
    leash         how far each limb may go from where it was
    clearance     how far limbs keep from surfaces
    measures      what a window is judged by
    guards        what a change must keep, whatever its scores gain
    held          which contacts a motion holds, counted as the report counts them
    meeting       what meets stays met: what a change gives away is worked on again, then given back
    accept        what a window must gain to be taken

The surface, its contacts and the distances are in `workers.geometry`, the encoders in `workers.semantics`. Importing
this package loads no torch; importing its modules does, but for `budget` and `stage`. `README.md` beside has what was
measured, and what harm is left.
"""
