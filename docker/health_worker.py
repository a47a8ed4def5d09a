"""Health of a worker container: 0 if a worker of this host is registered in Redis. A dead one's entry expires."""

import socket
import sys

from redis import RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Worker

from service.redis_url import open_redis
from service.settings import Settings

host = socket.gethostname()
try:
    connection = open_redis(Settings(redis_timeout_s=3.0), Retry(NoBackoff(), 0))
    healthy = any(worker.hostname == host for worker in Worker.all(connection=connection))
    problem = f"no worker of {host} is registered"
except RedisError as error:
    healthy, problem = False, f"Redis does not answer: {error}"
if not healthy:
    print(problem, file=sys.stderr)
sys.exit(0 if healthy else 1)
