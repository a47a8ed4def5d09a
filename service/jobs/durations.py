"""Into which bounds times are counted, for the operator's histograms: of executions, of their stages, of waiting.

Counted where a job changes (`service.jobs.scripts`), so that no figure of a process that dies is lost; told by
`service.operations.metrics`. A change of the bounds starts with the counts of those that stay.
"""

BOUNDS_S = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 120.0, 300.0, 600.0, 1800.0)  # upwards; `more` lies beyond
