"""Untrusted bytes to one internal form.

    sandbox  files are read in a confined process of their own
    stored   what was read, as one file on disk

The readers are `workers.formats`; which upload is read when, `workers.queue.uploads`.
"""
