"""Token buckets: how many requests a key may send, in two groups: `read`, and `write`, which makes or changes things.

A bucket holds a minute's worth and fills evenly (the generic cell rate algorithm: one number in Redis a bucket, the
time at which it would be full again). What is left is told in the headers RateLimit and RateLimit-Policy
(draft-ietf-httpapi-ratelimit-headers-10).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from redis import Redis

from service.records import PREFIX

WINDOW_S = 60
# KEYS 1: the bucket; ARGV 1: size. Answers: allowed, requests left, seconds until one more, seconds until full.
_TAKE = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local size, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local each = window / size
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local after = full_at + each
if after - now > window + 0.000001 then
  return {0, 0, tostring(after - now - window), tostring(full_at - now)}
end
redis.call('SET', KEYS[1], string.format('%.6f', after), 'PX', math.ceil((after - now) * 1000) + 1000)
return {1, math.floor((window - (after - now)) / each + 0.000001), '0', tostring(after - now)}
"""


@dataclass(frozen=True)
class Allowance:
    """What a bucket said. `wait_s` is how long until the next request, where this one was refused."""

    group: str
    size: int
    allowed: bool
    left: int
    wait_s: float
    full_in_s: float

    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Policy": f'"{self.group}";q={self.size};w={WINDOW_S}',
            "RateLimit": f'"{self.group}";r={self.left};t={round(self.full_in_s + 0.5)}',
        }


def take(redis: Redis, owner: str, group: str, size: int) -> Allowance:
    """Take one request out of the caller's bucket. Blocking."""
    key = f"{PREFIX}:bucket:{group}:{owner}"
    answer: Any = redis.eval(_TAKE, 1, key, size, WINDOW_S)
    allowed, left, wait_s, full_in_s = answer
    return Allowance(group, size, bool(allowed), int(left), float(wait_s), float(full_in_s))
