"""Jobs: their records, the way to a worker, and their face over HTTP.

    schemas      the record: what Redis holds of a job
    store        every change of a record, each one atomic step
    scripts      these steps in Lua
    told         who is told of a change within the same step: batches and webhooks
    durations    into which bounds the times of executions are counted
    needs        what a job needs of the worker that retargets
    registry     which workers there are and what each can do
    queue        handing job ids to RQ, which carries them to a worker
    job_request  the JSON body of a job on stored assets
    door         what can be known of options before a job runs
    results      results of the same request, found again
    intake       from a form or a JSON body to a queued job
    find         jobs by kind, state, time and metadata
    own_job      which job a path means: its id, or the name that its caller gave it
    idempotency  a request sent again makes no second job
    views        what HTTP shows of a record
    context      what the endpoints of jobs share, presets included
    request_body  the bodies of POST /v1/jobs in /openapi.json
    retention    the end of a job: its record, inputs and outputs
    estimates    how long a job still takes
    changes      long-polling: who waits for a job is woken when it changes
    events       what happens to a job, as server-sent events
    endpoints    post, list, poll, cancel, delete
    report_page  the quality report as one page for people
    artifacts    report and results, with ranges and tags

What runs a job is `workers.queue`; what becomes of lost and old ones, `service.upkeep`.
"""
