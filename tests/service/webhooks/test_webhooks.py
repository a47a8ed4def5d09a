"""Webhooks against small real servers: signed, tried again by the table, given up, sent again; and where none may go.

Clock, names and chance are the test's own, so nothing waits.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from redis import Redis
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from service.app import create_app
from service.files.blobs import BlobStore
from service.jobs.store import JobStore
from service.settings import Settings
from service.upkeep.announcements import describer, dispatcher
from service.webhooks.addresses import Refused, check_url, find, networks_of
from service.webhooks.outbox import empty_outbox
from service.webhooks.sending import PAUSES_S, Sender
from service.webhooks.signing import new_secret
from service.webhooks.store import OUTBOX, WebhookStore
from tests.service_fixtures import finish_job, post_job
from workers.contract.errors import ParseFailed

Answer = Callable[[BaseHTTPRequestHandler], None]


class Receiver:
    """A real server that keeps what it is sent and answers as it is told."""

    def __init__(self) -> None:
        self.seen: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.seen.append((dict(self.headers.items()), body))
                status, headers = receiver.answers.pop(0) if receiver.answers else (204, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?a=1"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


class World:
    """The clock, and what sends by it."""

    def __init__(self, settings: Settings, redis: Redis) -> None:
        self.now = datetime.now(UTC)
        self.store = WebhookStore(redis)
        self.sender = Sender(settings, self.store, clock=lambda: self.now, jitter=lambda: 0.5)
        self.describe = describer(redis)

    def pass_time(self, seconds: float = 0.0) -> int:
        """What happens in so many seconds; the number of tries."""
        self.now += timedelta(seconds=seconds)
        empty_outbox(self.store, self.describe, self.now)
        return self.sender.send_due()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"webhook_networks": "127.0.0.0/8", "webhook_timeout_s": 0.3})


@pytest.fixture
def app(settings: Settings, store: JobStore) -> FastAPI:
    return create_app(settings)


@pytest.fixture
def world(settings: Settings, redis: Redis) -> World:
    return World(settings, redis)


def endpoint(client: TestClient, url: str, **more: Any) -> dict[str, Any]:
    answer = client.post("/v1/webhook-endpoints", json={"url": url, **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def log(client: TestClient, of: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/v1/webhook-deliveries", params={"of": of}).json()["data"]
    return found


def test_a_job_that_ended_is_told_and_signed(
    client: TestClient, receiver: Receiver, world: World, store: JobStore, blobs: BlobStore
) -> None:
    made = endpoint(client, receiver.url)
    assert made["secret"].startswith("whsec_") and "job.running" not in made["events"]
    assert client.get(made["urls"]["self"]).json()["secret"] is None
    job = post_job(client, metadata={"shot": "sc012"}).json()
    finish_job(store, blobs, job["id"], {})
    assert world.pass_time() == 1
    headers, body = receiver.seen[0]
    told = Webhook(made["secret"]).verify(body, headers)
    assert told["type"] == "job.succeeded" and told["data"]["id"] == job["id"]
    assert told["data"]["metadata"] == {"shot": "sc012"} and told["data"]["result"]["verdict"] == "pass"
    with pytest.raises(WebhookVerificationError):
        Webhook(made["secret"]).verify(body + b" ", headers)
    (delivery,) = log(client, made["id"])
    assert delivery["status"] == "delivered" and delivery["id"] == headers["webhook-id"]
    assert delivery["attempts"][0]["status_code"] == 204 and delivery["payload"] == told
    assert world.pass_time(1e6) == 0 and client.get(made["urls"]["self"]).json()["last_success_at"]


def test_only_what_was_asked_for_is_told(client: TestClient, receiver: Receiver, world: World, store: JobStore) -> None:
    endpoint(client, receiver.url, events=["job.running", "job.failed"])
    job = post_job(client).json()
    assert store.claim(job["id"], "e", 30) and store.fail(job["id"], "e", ParseFailed("no").to_dict())
    client.post(f"/v1/jobs/{post_job(client).json()['id']}/cancel")
    world.pass_time()
    assert [json.loads(body)["type"] for _, body in receiver.seen] == ["job.running", "job.failed"]


def test_nobody_listens_and_nothing_is_kept(client: TestClient, store: JobStore, blobs: BlobStore) -> None:
    finish_job(store, blobs, post_job(client).json()["id"], {})
    assert store.redis.xlen(OUTBOX) == 0


def test_a_job_and_a_batch_may_name_their_own_receiver(
    client: TestClient, receiver: Receiver, world: World, store: JobStore, blobs: BlobStore
) -> None:
    secret = new_secret()
    hook = {"url": receiver.url, "secret": secret}
    job = post_job(client, webhook=hook).json()
    assert job["webhook"]["url"] == receiver.url and "secret" not in job["webhook"]
    finish_job(store, blobs, job["id"], {})
    ids = [
        client.post(f"/v1/{kind}", files={"file": (name, data)}).json()["id"]
        for kind, name, data in (
            ("motions", "walk.bvh", b"HIERARCHY\nROOT Hips\n{\n}\n"),
            ("characters", "a.glb", b"glTF\x02\0\0\0" + bytes(12)),
        )
    ]
    batch = client.post("/v1/batches", json={"motions": ids[:1], "characters": ids[1:], "webhook": hook}).json()
    finish_job(store, blobs, client.get(batch["urls"]["items"]).json()["data"][0]["job"], {})
    assert world.pass_time() == 2
    told = [Webhook(secret).verify(body, headers) for headers, body in receiver.seen]
    assert {entry["type"] for entry in told} == {"job.succeeded", "batch.completed"}
    assert len(log(client, job["id"])) == len(log(client, batch["id"])) == 1


def test_a_receiver_that_fails_is_tried_by_the_table_with_jitter_and_then_switched_off(
    client: TestClient, receiver: Receiver, world: World
) -> None:
    made = endpoint(client, receiver.url)
    receiver.answers = [(500, {})] * len(PAUSES_S)
    test = client.post(made["urls"]["test"]).json()
    assert world.pass_time(1) == 1  # the service's clock made it
    for pause_s in PAUSES_S[1:]:
        assert world.pass_time(pause_s * 1.09) == 0, "each pause is a tenth longer here"
        assert world.pass_time(pause_s * 0.02 + 0.01) == 1
    found = client.get(f"/v1/webhook-deliveries/{test['id']}").json()
    assert found["status"] == "failed" and len(found["attempts"]) == 10 and found["next_at"] is None
    assert "answered 500" in found["attempts"][0]["error"]
    off = client.get(made["urls"]["self"]).json()
    assert off["enabled"] is False and "for days" in off["disabled_reason"]
    assert len({headers["webhook-id"] for headers, _ in receiver.seen}) == 1
    assert client.put(made["urls"]["self"], json={"enabled": True}).json()["enabled"] is True


def test_redelivery_keeps_the_id(client: TestClient, receiver: Receiver, world: World) -> None:
    made = endpoint(client, receiver.url)
    test = client.post(made["urls"]["test"]).json()
    world.pass_time(1)
    assert client.post(f"/v1/webhook-deliveries/{test['id']}/redeliver").json()["status"] == "pending"
    assert world.pass_time(1) == 1
    assert [headers["webhook-id"] for headers, _ in receiver.seen] == [test["id"]] * 2
    assert client.post(f"/v1/webhook-deliveries/msg_{'0' * 26}/redeliver").status_code == 404


def test_a_page_of_deliveries_tells_others_nothing(
    client: TestClient, receiver: Receiver, world: World, redis: Redis
) -> None:
    made = endpoint(client, receiver.url)
    for _ in range(3):
        client.post(made["urls"]["test"])
    records, cursor = WebhookStore(redis).deliveries(made["id"], 1, None, "")
    assert len(records) == 1 and cursor == records[0].id
    assert WebhookStore(redis).deliveries(made["id"], 1, None, "another") == ([], None)


def test_410_switches_off_at_once(client: TestClient, receiver: Receiver, world: World) -> None:
    made = endpoint(client, receiver.url)
    receiver.answers = [(410, {})]
    test = client.post(made["urls"]["test"]).json()
    world.pass_time(1)
    off = client.get(made["urls"]["self"]).json()
    assert off["enabled"] is False and "410" in off["disabled_reason"] and world.pass_time(1e6) == 0
    assert client.get(f"/v1/webhook-deliveries/{test['id']}").json()["status"] == "failed"


def test_a_redirect_is_a_failure_and_is_not_followed(client: TestClient, receiver: Receiver, world: World) -> None:
    made = endpoint(client, receiver.url)
    receiver.answers = [(302, {"Location": receiver.url})]
    client.post(made["urls"]["test"])
    assert world.pass_time(1) == 1 and len(receiver.seen) == 1
    assert "redirects are not followed" in log(client, made["id"])[0]["attempts"][0]["error"]


def test_retry_after_is_heeded(client: TestClient, receiver: Receiver, world: World) -> None:
    made = endpoint(client, receiver.url)
    receiver.answers = [(503, {"Retry-After": "100"})]
    client.post(made["urls"]["test"])
    world.pass_time(1)
    assert world.pass_time(99) == 0 and world.pass_time(2) == 1 and len(receiver.seen) == 2


@pytest.mark.parametrize("drip", [b"", b"H"])
def test_a_slow_receiver_is_cut_as_a_whole(client: TestClient, world: World, drip: bytes) -> None:
    """One that never answers, and one that sends a letter now and then."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            while not stop.wait(0.05):
                try:
                    connection.sendall(drip)
                except OSError:
                    return

    thread = threading.Thread(target=answer)
    thread.start()
    made = endpoint(client, f"http://127.0.0.1:{listener.getsockname()[1]}/")
    client.post(made["urls"]["test"])
    start_s = time.monotonic()
    assert world.pass_time(1) == 1
    assert time.monotonic() - start_s < 5
    stop.set()
    thread.join()
    listener.close()
    attempt = log(client, made["id"])[0]["attempts"][0]
    assert attempt["status_code"] is None and "no answer" in attempt["error"]


def test_two_secrets_count_while_one_is_replaced(client: TestClient, receiver: Receiver, world: World) -> None:
    made = endpoint(client, receiver.url)
    new = client.post(made["urls"]["rotate"], json={"overlap_s": 3600}).json()
    assert new["secret"] not in (None, made["secret"])
    client.post(made["urls"]["test"])
    world.pass_time(1)
    for secret in (made["secret"], new["secret"]):
        Webhook(secret).verify(receiver.seen[0][1], receiver.seen[0][0])
    world.pass_time(3700)
    client.post(made["urls"]["test"])
    world.pass_time()
    assert len(receiver.seen[0][0]["webhook-signature"].split()) == 2
    assert len(receiver.seen[1][0]["webhook-signature"].split()) == 1


def test_what_happened_is_told_once_however_often_it_is_read(
    client: TestClient, receiver: Receiver, world: World, store: JobStore, blobs: BlobStore, redis: Redis
) -> None:
    endpoint(client, receiver.url)
    finish_job(store, blobs, post_job(client).json()["id"], {})
    entries: Any = redis.xrange(OUTBOX)
    world.pass_time()
    for name, fields in entries:  # a gateway that was killed before it took them off
        redis.delete(OUTBOX)
        redis.xadd(OUTBOX, fields, id=name)
    world.pass_time(1)
    assert len(receiver.seen) == 1 and redis.xlen(OUTBOX) == 0


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("::1", "::", "fe80::1", "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
        *("224.0.0.1", "240.0.0.1", "255.255.255.255", "ff02::1"),
    ],
)
def test_no_address_that_is_not_public(address: str) -> None:
    with pytest.raises(Refused, match="no public address"):
        find("https://hooks.example.com/x", [], lambda host, port: ["93.184.216.34", address])


def test_public_addresses_pass_and_the_checked_one_is_connected_to() -> None:
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["93.184.216.34"] if len(asked) == 1 else ["127.0.0.1"]

    target = find("https://hooks.example.com:8443/x?y=1", [], rebinding)
    assert (target.address, target.port, target.path, asked) == (
        *("93.184.216.34", 8443, "/x?y=1"),
        ["hooks.example.com"],
    )


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://hooks.example.com/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://localhost/",
            "ftp://a.example/",
        ),
        *("https://user:secret@hooks.example.com/", "https:///x", "nonsense", "https://[fe80::1]/", "https://a b/"),
        *("https://hooks.example.com:99999/", "https://169.254.169.254/latest/meta-data"),
    ],
)
def test_addresses_that_are_refused_when_they_are_given(url: str) -> None:
    with pytest.raises(Refused):
        check_url(url, [])


def test_a_name_that_leads_inside_is_refused_at_every_try(
    client: TestClient, receiver: Receiver, settings: Settings, redis: Redis
) -> None:
    """Public when the endpoint is made, private when it is sent to: nothing arrives."""
    public = settings.model_copy(update={"webhook_networks": ""})
    with TestClient(create_app(public)) as other:
        refused = other.post("/v1/webhook-endpoints", json={"url": receiver.url})
        assert refused.status_code == 422 and refused.json()["errors"][0]["pointer"] == "/url"
        made = endpoint(other, f"https://hooks.example.com:{receiver.server.server_port}/")
        world = World(public, redis)
        world.sender = Sender(public, world.store, clock=lambda: world.now, resolve=lambda host, port: ["127.0.0.1"])
        other.post(made["urls"]["test"])
        assert world.pass_time(1) == 1 and receiver.seen == []
        assert "no public address" in log(other, made["id"])[0]["attempts"][0]["error"]


def test_a_slow_place_keeps_nobody_else_waiting(client: TestClient, receiver: Receiver, world: World) -> None:
    made = endpoint(client, receiver.url)
    for _ in range(3):
        client.post(made["urls"]["test"])
    place = receiver.url.split("/")[2]
    assert world.sender._enter(place) and world.sender._enter(place)
    assert world.pass_time(1) == 0 and receiver.seen == []
    assert [entry["attempts"] for entry in log(client, made["id"])] == [[], [], []]


def test_a_deleted_endpoint_is_told_nothing(client: TestClient, receiver: Receiver, world: World, redis: Redis) -> None:
    made = endpoint(client, receiver.url)
    client.post(made["urls"]["test"])
    assert client.delete(made["urls"]["self"]).status_code == 204
    assert world.pass_time(1) == 0 and receiver.seen == [] and client.get(made["urls"]["self"]).status_code == 404
    assert redis.keys("retarget:*whe_*") == []


def test_a_gateways_dispatcher_sends_by_itself(
    client: TestClient, receiver: Receiver, settings: Settings, redis: Redis
) -> None:
    made = endpoint(client, receiver.url)
    client.post(made["urls"]["test"])
    running = dispatcher(settings, redis)
    running.interval_s = 0.01
    running.start()
    deadline = time.monotonic() + 10
    while not receiver.seen and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    running.stop()
    assert len(receiver.seen) == 1


def test_networks_are_read_from_the_setting(settings: Settings) -> None:
    both = settings.model_copy(update={"webhook_networks": "127.0.0.0/8, fd00::/8"})
    assert [str(network) for network in networks_of(both)] == ["127.0.0.0/8", "fd00::/8"]
