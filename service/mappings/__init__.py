"""Mapping presets: a joint mapping kept for a skeleton and reused for every file that has it.

    schemas    what a request says, what Redis holds, what HTTP shows
    store      the records, found by id or by fingerprint
    intake     from a request to a preset
    request_body  the bodies of POST /v1/mappings in /openapi.json
    endpoints  make, list, look, delete

Whether preset, definition or override wins is decided in `workers.preparation.mapping_choice`.
"""
