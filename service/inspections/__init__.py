"""What a file holds, over HTTP: answered by the ingest workers.

    endpoints       POST /v1/inspect
    request_body    its multipart body in /openapi.json
    reading_errors  the errors that reading a file can end in

The inspection itself is `workers.engine.inspection`; an inspection is a job like any other (`service.jobs`).
"""
