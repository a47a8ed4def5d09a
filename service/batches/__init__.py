"""Batches: many motions onto many characters as one thing, whose items are ordinary jobs.

    schemas      what a request says, what Redis holds of a batch
    store        the records in Redis, and every change of one as an atomic step
    intake       from a request to a batch
    feeding      items become jobs as the queue has room
    own_batch    which batch a path means: its id, or the name that its caller gave it
    items        an item with its job: pages of them, and the table of the worst
    results      all results as JSON lines and as one zip, streamed
    retention    the end of a batch: its hold on uploads, its record
    views        what HTTP shows of a batch
    endpoints    post, list, look, cancel, retry, delete

A batch of M motions and N characters goes through all characters of a motion before the next motion, so that what was
read and prepared of the motion is still there. How its items are counted stands in `service.jobs.told`.
"""
