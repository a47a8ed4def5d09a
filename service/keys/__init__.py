"""Keys: who is calling, what they may do, and how much.

    schemas      the record of a key, its scopes and limits
    store        the records in Redis; a key itself is never stored, only its hash
    limits       token buckets, one for each key and group of requests
    signed_urls  addresses of results that work without a key for a while
    caller       from a request to its caller: what every endpoint of /v1 depends on

Keys are made, listed and revoked by `retarget keys`. Whose a job, a file or a preset is stands in its own record.
"""
