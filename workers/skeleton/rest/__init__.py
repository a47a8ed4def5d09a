"""Which pose of a body counts as rest.

    rest_pose      the choice, in a fixed order
    rest_estimate  a rest pose built from a motion whose file holds none
    stance         does a pose look like a T, A or N pose
    own_facing     which way a rig faces when its bind pose and its clips disagree

How two rest poses are brought together is left to `workers.retargeting.alignment`.
"""
