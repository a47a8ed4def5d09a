"""Health of the gateway.

    endpoints  /healthz: the process answers; /readyz: it can take jobs

Health checks of containers lie in `docker`.
"""
