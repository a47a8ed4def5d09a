"""A body in motion: what can be said of it without a second body.

    body_motion  BodyMotion: a body moving, in world space
    pelvis       how the pelvis turns, where the hips joint does not say it
    contacts     when toes and ankles are planted, and on what height
    ground       the floor a motion stands on
    lying        when a body is on the floor with more than its feet
    level_feet   how feet lie on the ground, where there is no mesh
    treadmill    the ground's velocity under a clip that walks in place
    timeline     the frames of a clip, three laps of them where it loops
    intervals    runs of a boolean along time
    smoothing    filters along time
    velocity     velocities that do not depend on the frame rate
    mirror       left and right exchanged
    close_loop   a nearly looping motion made to loop
    foot_events  when a foot is set down, when it leaves, how hard it lands

What another body makes of it is left to `workers.retargeting`.
"""
