"""Learned models over HTTP.

    schemas    what HTTP and `retarget models list --json` show of a model
    endpoints  GET /v1/models and /v1/models/{name}

What is known of a model is `model_store`'s.
"""
