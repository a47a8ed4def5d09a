"""Jobs off the queue: the only package that knows both Redis and the engine.

    abilities            what this worker can do, told before it takes a job
    queue_worker         an RQ worker with one long-lived job process
    execution            one execution of a job, from claim to end
    watch                the worker's eyes on its job process: lease, time, memory, cancel
    job_process          the worker's handle on that process
    job_process_channel  the messages between the two
    job_process_child    the process's program
    tasks                what a job is: files, engine, results
    result_cache         what results depend on here, so that they can be found again
    cost                 what a job would cost, told before it runs
    uploads              a job's uploads as scenes, each read once, in the sandbox
    job_definitions      definitions and presets that a job needs
    figures              what a job process tells operators of itself
    failures             any exception as one typed error
    connections          connections to Redis that wait for a restart, and others
    settings             what a worker needs beyond the gateway's settings

Records and queues are `service.jobs`'; what is computed, `workers.engine`'s.
"""
