"""`retarget doctor`: checks an installation and names what is wrong with it, each with its remedy. Exit code 1 then."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Literal

ROLES: tuple[Literal["gateway", "worker"], ...] = ("gateway", "worker")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--role", choices=ROLES, help="what this machine runs (default: both)")
    parser.add_argument("--redis-url", metavar="URL", help="Redis of the service (default: RETARGET_REDIS_URL)")
    parser.add_argument("--blob-url", metavar="URL", help="store of the service (default: RETARGET_BLOB_URL)")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    """0 where nothing is wrong, else 1."""
    from service.operations.checks import examine
    from service.settings import Settings

    settings = Settings.given(redis_url=arguments.redis_url, blob_url=arguments.blob_url)
    found = examine(settings, (arguments.role,) if arguments.role else ROLES)
    if arguments.json:
        print(json.dumps([asdict(finding) for finding in found], indent=1))
    else:
        for finding in found:
            print(f"{'ok   ' if finding.ok else 'WRONG'} {finding.check}: {finding.detail}")
            if not finding.ok:
                print(f"      {finding.remedy}")
    return 0 if all(finding.ok for finding in found) else 1
