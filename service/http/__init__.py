"""What every endpoint shares.

    context   settings, job record store, blobs and waiting polls, handed to endpoints
    errors    the only place that turns errors into problem+json
    problems  GET /problems/{code}: what a code means
    headers   entity tags and byte ranges
    openapi   what FastAPI cannot derive for /openapi.json

The errors themselves are `workers.contract.errors`.
"""
