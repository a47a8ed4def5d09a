"""Health of a worker container: 0 if a worker of this host is registered in Redis. A dead one's entry expires."""

import os
import socket
import sys

from redis import Redis, RedisError
from rq import Worker

url = os.environ.get("RETARGET_REDIS_URL", "redis://127.0.0.1:6379/0")
host = socket.gethostname()
try:
    connection = Redis.from_url(url, socket_timeout=3.0, socket_connect_timeout=3.0)
    healthy = any(worker.hostname == host for worker in Worker.all(connection=connection))
    problem = f"no worker of {host} is registered"
except RedisError as error:
    healthy, problem = False, f"Redis does not answer: {error}"
if not healthy:
    print(problem, file=sys.stderr)
sys.exit(0 if healthy else 1)
