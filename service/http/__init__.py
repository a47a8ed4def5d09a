"""What every endpoint shares.

    context         settings, job record store, blobs and waiting polls, handed to endpoints
    errors          the only place that turns errors into problem+json
    problems        GET /problems/{code}: what a code means
    served          what is served where; unknown query parameters are refused
    preferences     the Prefer header
    json_body       what is wrong with a JSON body, field by field
    own_names       names that callers give in place of ids
    head            HEAD wherever there is GET
    origin_guard    what a page of somebody else may not do, where no keys are asked for
    timed_protocol  uvicorn's protocol, with a limit on the time that a request's head may take
    access_log      one line for each request
    compression     gzip for texts
    headers         entity tags and byte ranges
    docs_page       GET /docs: the operations as one page
    complete        what makes /openapi.json whole: texts, the shape of reports, examples
    openapi         what FastAPI cannot derive for /openapi.json

The errors themselves are `workers.contract.errors`.
"""
