"""`retarget keys`: make, list and revoke the keys that callers of the HTTP service show."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import timedelta

from workers.contract.errors import Unavailable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--redis-url", metavar="URL", help="Redis of the service (default: RETARGET_REDIS_URL)")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a key; it is printed once and cannot be shown again")
    create.add_argument("name", help="whose it is, or what it is for")
    create.add_argument(
        "--scope", action="append", choices=("jobs:read", "jobs:write"), help="what it may do (default: both)"
    )
    create.add_argument("--days", type=float, metavar="N", help="days until it expires (default: never)")
    create.add_argument("--per-minute", type=int, metavar="N", help="requests a minute that make or change something")
    create.add_argument("--waiting-max", type=int, metavar="N", help="jobs in the queue at once")
    listing = actions.add_parser("list", help="all keys, by their beginnings")
    listing.add_argument("--json", action="store_true", help="as JSON")
    revoke = actions.add_parser("revoke", help="end a key")
    revoke.add_argument("id", help="its id, as `retarget keys list` shows it")


def run(arguments: argparse.Namespace) -> int:
    """0, or what the errors say."""
    from redis import RedisError

    from service.keys.schemas import SCOPES
    from service.keys.store import KeyStore
    from service.redis_url import connect
    from service.settings import Settings

    with connect(Settings.given(redis_url=arguments.redis_url)) as redis:
        store = KeyStore(redis)
        try:
            if arguments.action == "create":
                lifetime = None if arguments.days is None else timedelta(days=arguments.days)
                record, token = store.create(
                    arguments.name,
                    arguments.scope or SCOPES,
                    lifetime=lifetime,
                    per_minute=arguments.per_minute,
                    waiting_max=arguments.waiting_max,
                )
                print(f"{record.id}: keep this key, it cannot be shown again", file=sys.stderr)
                print(token)
            elif arguments.action == "revoke":
                store.revoke(arguments.id)
            elif arguments.json:
                print(json.dumps([record.model_dump(mode="json") for record in store.all()], indent=1))
            else:
                for record in store.all():
                    used = f"{record.last_used_at:%Y-%m-%d %H:%M}" if record.last_used_at else "never used"
                    until = f"until {record.expires_at:%Y-%m-%d}" if record.expires_at else "no end"
                    print(f"{record.id}  {record.shown}...  {','.join(record.scopes)}  {until}  {used}  {record.name}")
        except RedisError as error:
            raise Unavailable(f"Redis does not answer ({error}); start it or give --redis-url") from None
    return 0
