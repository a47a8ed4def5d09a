"""Housekeeping: lost jobs and expired files.

    sweeper    finds, every few seconds, jobs that no process works on any more
    recovery   an execution that died: its job is tried again or fails
    announcements  what webhooks are told of jobs and batches
    retention  uploads, results and records removed when their time is over

Every step is atomic (`service.jobs.scripts`), so several processes may do this at once.
"""
