"""The engine: (motion, character, options) -> (artifacts, report), a pure function. No disk, no Redis, no HTTP.

    engine          the stages of a job: loading, mapping, retargeting, refining, scoring, exporting
    scene_engine    the same on scenes that were read before, as workers call it
    prepared_files  files prepared before, for the jobs that follow
    learned         a learned result beside the analytic one
    export          retargeted clips as the file that was asked for
    write_clips     the files of a job that hold clips: result, variants, events
    postconditions  what every result must hold, or it is never handed out
    inspection      what a file holds, as JSON
    circumstances   what a result depends on beside files and options
    score_files     the scores of a result file against its source file

Every stage is a package of its own; here they are put in order.
"""
