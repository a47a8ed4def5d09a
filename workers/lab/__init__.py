"""Measures of quality and speed: scores of one result, and the benchmarks over many files.

`scores` puts together what `foot_scores`, `pose_scores` and `smoothness` measure on world-space motions; all of them
are pure. The other modules run the engine over files and are behind `retarget evaluate` and `retarget bench`.
"""
