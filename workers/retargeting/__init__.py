"""From a source body's motion to a target body's motion, in world space. Files, mapping and scores are left to
others.
"""
