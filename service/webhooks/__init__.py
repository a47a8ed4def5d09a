"""Webhooks: who wants to know is told, signed as Standard Webhooks 1.0 has it.

    schemas      what a request says, what Redis holds of an endpoint and of a delivery, what HTTP shows
    store        the records in Redis
    intake       from a request to an endpoint; what a job or batch may name as its own hook
    addresses    where a webhook may go: the guard against requests into private networks
    posting      one request to a receiver, to the address that was checked
    signing      secrets and signatures
    outbox       from what happened to deliveries
    sending      deliveries sent, tried again, and given up
    endpoints    endpoints over HTTP: make, list, look, change, rotate, test, delete
    deliveries   the log over HTTP: list, look, send again

What happened is written by `service.jobs.told`, in the step that made it happen; what is told of it, by whoever is
above (`service.upkeep.announcements`).
"""
