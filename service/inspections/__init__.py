"""What a file holds, over HTTP: answered by the ingest workers.

    endpoints       POST /v1/inspect
    reading_errors  the errors that reading a file can end in

The inspection itself is `workers.engine.inspection`; an inspection is a job like any other (`service.jobs`).
"""
