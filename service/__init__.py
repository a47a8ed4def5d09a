"""The HTTP gateway, the job records and the command line. Never imports torch.

    cli          `retarget`: picks the subcommand, turns errors into one line and an exit code
    commands     one module a subcommand
    app          the gateway's application: all routers put together
    settings     `RETARGET_*` as one typed class
    records      what all records share: ids, times, the prefix of their keys
    redis_url    Redis by URL: one server, TLS, Sentinels
    logs         lines as text or JSON, with request and job ids
    telemetry    OpenTelemetry traces, by option
    rounds       work done again and again in threads of this process
    http         what every endpoint shares: errors, problem documents, headers, OpenAPI
    files        uploads on their way in, where bytes are kept, which job holds which file
    keys         who is calling, what they may do, and how much
    jobs         jobs: record, states, queue, results
    assets       stored motions and characters
    batches      many motions onto many characters as one
    webhooks     who wants to know is told
    client       a client for Python, which imports nothing else of this project
    mappings     mapping presets
    inspections  what a file holds
    models       which learned models are ready
    studio       the page on which results are looked at
    operations   what operators look at: figures for Prometheus, workers and queues, what is wrong with an installation
    health       is the gateway alive, can it take jobs
    upkeep       lost jobs, expired files
    local        one machine alone: an embedded Redis, and the processes of `retarget serve`

A noun of the HTTP interface is a folder with the same file names in each: `schemas` (what is held and shown), `store`
(Redis), `intake` (from a request to a record), `endpoints` (HTTP). Scenes are parsed and retargeted by `workers`.
"""
