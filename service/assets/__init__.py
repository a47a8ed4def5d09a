"""Stored motions and characters: files that are kept and reused by id.

    schemas    what Redis holds of an asset, and what HTTP shows of it
    store      the records in Redis
    intake     from an upload to an asset, and from an asset to a job
    retention  their end: deleted, or not used for a while
    request_body  multipart bodies in /openapi.json
    endpoints  upload, list, look, delete

Which bytes may go is left to `service.files.references`.
"""
