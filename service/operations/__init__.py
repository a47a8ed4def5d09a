"""What operators look at. Nothing of it is needed to serve a job.

    overview   workers and queues at one moment, read from Redis
    metrics    the same and counts since the start, as Prometheus reads them
    endpoints  GET /metrics
    checks     what can be wrong with an installation, each with its remedy

Shown on the command line by `retarget status` and `retarget doctor`.
"""
