"""Names that callers give to what they make with `PUT /v1/NOUN/{name}`, in place of its id.

:<key>:<owner>:<name>    the id, as long as records are kept
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.client import Pipeline
from starlette.concurrency import run_in_threadpool

from service.records import PREFIX
from workers.contract.errors import InvalidRequest

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


@dataclass(frozen=True)
class OwnNames:
    """Of one kind of thing, whose ids begin with `prefix`; `plural` is what it is called, `parameter` its path's."""

    key: str
    id_pattern: str
    prefix: str
    parameter: str
    plural: str

    def check(self, name: str) -> None:
        """Raises InvalidRequest for a name that could be taken for an id."""
        if name.startswith(self.prefix):
            message = f"a name of your own may not begin with {self.prefix}, as the ids of {self.plural} do"
            raise InvalidRequest(message, errors=[{"pointer": f"/path/{self.parameter}", "message": message}])

    async def id_of(self, redis: Redis, owner: str, name: str) -> str:
        """The id that a path means; a name that is not known stays as it is, and nothing is found by it."""
        if re.match(self.id_pattern, name) or not re.match(NAME_PATTERN, name):
            return name
        found: Any = await run_in_threadpool(redis.get, self._key(owner, name))
        return name if found is None else str(found.decode())

    def keep(self, pipeline: Pipeline, owner: str, name: str, own_id: str, kept_s: int) -> None:
        """As part of the transaction that makes the thing."""
        pipeline.set(self._key(owner, name), own_id, ex=kept_s)

    def _key(self, owner: str, name: str) -> str:
        return f"{PREFIX}:{self.key}:{owner}:{name}"
