"""Keys over HTTP: who may do what, that no key sees what another has made, and that nobody crowds out the rest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from redis import Redis

from service.app import create_app
from service.cli import main
from service.files.blobs import BlobStore
from service.jobs.queue import submit
from service.jobs.schemas import JobRecord
from service.jobs.store import JobStore
from service.keys import caller
from service.keys.limits import take
from service.keys.store import KeyStore
from service.settings import Settings
from tests.service_fixtures import BVH, GLB, finish_job

FILES = {"motion": ("walk.bvh", BVH), "character": ("hero.glb", GLB)}


@pytest.fixture
def keys(redis: Redis) -> KeyStore:
    return KeyStore(redis)


@pytest.fixture
def guarded(settings: Settings, store: JobStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A service that asks for keys, and asks Redis for each anew."""
    monkeypatch.setattr(caller, "REMEMBERED_S", 0.0)
    with TestClient(create_app(settings.model_copy(update={"keys": "on", "writes_per_minute": 50}))) as client:
        yield client


def with_key(keys: KeyStore, **more: Any) -> dict[str, str]:
    _, token = keys.create("a pipeline", more.pop("scopes", ["jobs:read", "jobs:write"]), **more)
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    ("host", "asked"),
    [("127.0.0.1", False), ("::1", False), ("localhost", False), ("0.0.0.0", True), ("::", True), ("10.0.0.5", True)],
)
def test_keys_are_asked_for_unless_only_this_machine_can_call(host: str, asked: bool) -> None:
    assert Settings(host=host).keys_are_asked_for is asked
    assert Settings(host=host, keys="off").keys_are_asked_for is False
    assert Settings(host=host, keys="on").keys_are_asked_for is True


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Bearer mr_live_wrong", "Basic abc", "Bearer \u00e9", "mr_live_x"]
)
def test_without_a_key_nothing_is_told(guarded: TestClient, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    for method, path in (("GET", "/v1/jobs"), ("POST", "/v1/jobs"), ("GET", "/v1/jobs/job_1"), ("GET", "/v1/models")):
        response = guarded.request(method, path, headers=headers)  # type: ignore[arg-type]
        assert (response.status_code, response.json()["code"]) == (401, "unauthorized"), path
        assert response.headers["www-authenticate"] == "Bearer"
    for path in ("/healthz", "/readyz", "/openapi.json", "/problems/unauthorized"):
        assert guarded.get(path).status_code == 200


def test_scopes_expiry_and_revocation(guarded: TestClient, keys: KeyStore, redis: Redis) -> None:
    reader = with_key(keys, scopes=["jobs:read"])
    assert guarded.get("/v1/jobs", headers=reader).status_code == 200
    refused = guarded.post("/v1/jobs", files=FILES, headers=reader)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden") and "jobs:write" in refused.text
    writer = with_key(keys, scopes=["jobs:write"])
    assert guarded.post("/v1/jobs", files=FILES, headers=writer).status_code == 202
    assert guarded.get("/v1/jobs", headers=writer).status_code == 403
    past = with_key(keys, lifetime=timedelta(seconds=-1))
    assert guarded.get("/v1/jobs", headers=past).status_code == 401
    record, token = keys.create("x", ["jobs:read"])
    assert guarded.get("/v1/jobs", headers={"authorization": f"bearer {token}"}).status_code == 200
    keys.revoke(record.id)
    assert guarded.get("/v1/jobs", headers={"authorization": f"bearer {token}"}).status_code == 401


def test_a_key_is_stored_as_a_hash_alone(keys: KeyStore, redis: Redis) -> None:
    _, token = keys.create("x", ["jobs:read"])
    for name in redis.scan_iter():
        kind = redis.type(name)
        held = redis.hgetall(name) if kind == b"hash" else redis.get(name)
        assert token.encode() not in repr(held).encode() and token[20:].encode() not in name


def test_no_key_sees_what_another_has_made(
    guarded: TestClient, keys: KeyStore, store: JobStore, blobs: BlobStore, settings: Settings
) -> None:
    """Each way to a job, a stored file or a preset, tried with the other's key."""
    mine, yours = with_key(keys), with_key(keys)
    job = guarded.post("/v1/jobs", files=FILES, headers=mine).json()
    finish_job(
        store, blobs, job["id"], {"walk.glb": ("model/gltf-binary", b"r"), "report.json": ("application/json", b"{}")}
    )
    waiting = guarded.post("/v1/jobs", files=FILES, headers=mine).json()
    motion = guarded.post("/v1/motions", files={"file": FILES["motion"]}, headers=mine).json()
    character = guarded.post("/v1/characters", files={"file": FILES["character"]}, headers=mine).json()
    preset = {"name": "rig", "fingerprint": "skl_" + "0" * 32, "mapping": {"leftToes": None}}
    made = guarded.post("/v1/mappings", json=preset, headers=mine).json()
    ways = [
        ("GET", f"/v1/jobs/{job['id']}"),
        ("GET", f"/v1/jobs/{job['id']}?wait=1"),
        ("GET", f"/v1/jobs/{job['id']}/report"),
        ("GET", f"/v1/jobs/{job['id']}/artifacts/walk.glb"),
        ("HEAD", f"/v1/jobs/{job['id']}/artifacts/walk.glb"),
        ("POST", f"/v1/jobs/{waiting['id']}/cancel"),
        ("DELETE", f"/v1/jobs/{job['id']}"),
        ("GET", motion["url"]),
        ("DELETE", motion["url"]),
        ("GET", character["url"]),
        ("DELETE", character["url"]),
        ("GET", made["url"]),
        ("DELETE", made["url"]),
    ]
    for method, path in ways:
        assert guarded.request(method, path, headers=yours).status_code == 404, (method, path)
    for collection in ("jobs", "jobs?kind=inspect", "jobs?status=queued", "motions", "characters", "mappings"):
        assert guarded.get(f"/v1/{collection}", headers=yours).json()["data"] == [], collection
    borrowed = guarded.post("/v1/jobs", json={"motion": motion["id"], "character": character["id"]}, headers=yours)
    assert (borrowed.status_code, borrowed.json()["code"]) == (404, "not-found")
    options = {"mapping": {"target_preset": made["id"]}}
    used = guarded.post("/v1/jobs", files=FILES, data={"options": json.dumps(options)}, headers=yours)
    assert (used.status_code, used.json()["code"]) == (422, "invalid-options")
    assert guarded.post("/v1/motions", files={"file": FILES["motion"]}, headers=yours).json()["id"] != motion["id"]
    same = {"Idempotency-Key": "k"}
    ids = [guarded.post("/v1/jobs", files=FILES, headers={**who, **same}).json()["id"] for who in (mine, yours)]
    assert ids[0] != ids[1]
    for method, path in ways[:5] + ways[7:8] + ways[11:12]:
        assert guarded.request(method, path, headers=mine).status_code == 200, (method, path)


def test_signed_addresses_read_one_result_for_a_while(
    guarded: TestClient, keys: KeyStore, store: JobStore, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is changed in one, it is refused; it writes nothing, and ends with its hour and with its key."""
    record, token = keys.create("x", ["jobs:read", "jobs:write"])
    mine = {"Authorization": f"Bearer {token}"}
    ids = [guarded.post("/v1/jobs", files=FILES, headers=mine).json()["id"] for _ in range(2)]
    for job_id in ids:
        results = {"walk.glb": ("model/gltf-binary", b"0123"), "b.glb": ("model/gltf-binary", b"x")}
        finish_job(store, blobs, job_id, results)
    url = guarded.get(f"/v1/jobs/{ids[0]}", headers=mine).json()["result"]["artifacts"][0]["signed_url"]
    assert token not in url and guarded.get(url).content == b"0123"
    assert guarded.get(url, headers={"Range": "bytes=1-2"}).content == b"12" and guarded.head(url).status_code == 200
    changed = [
        url.replace("walk.glb", "b.glb"),
        url.replace(ids[0], ids[1]),
        url.replace("exp=", "exp=9"),
        url.replace(record.id, "key_other"),
        url.replace("sig=", "sig=A"),
        url[:-1],
        url.partition("&sig=")[0] + "&sig=",
    ]
    for other in changed:
        answer = guarded.get(other)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), other
    query = url.partition("?")[2]
    for method, path in (("GET", f"/v1/jobs/{ids[0]}"), ("DELETE", f"/v1/jobs/{ids[0]}"), ("GET", "/v1/jobs")):
        assert guarded.request(method, f"{path}?{query}").status_code in (401, 422), path
    with monkeypatch.context() as later:
        later.setattr("service.keys.signed_urls.time.time", lambda: 1e11)
        assert (guarded.get(url).status_code, guarded.get(url).json()["code"]) == (410, "expired")
    keys.revoke(record.id)
    assert guarded.get(url).status_code == 403


def test_rate_limits_tell_what_is_left(guarded: TestClient, keys: KeyStore) -> None:
    one, other = with_key(keys, per_minute=3), with_key(keys)
    answers = [guarded.delete("/v1/jobs/job_1", headers=one) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [404, 404, 404, 429]
    assert answers[0].headers["ratelimit-policy"] == '"write";q=3;w=60'
    assert answers[0].headers["ratelimit"].startswith('"write";r=2;t=')
    assert answers[3].json()["code"] == "rate-limited" and 1 <= int(answers[3].headers["retry-after"]) <= 20
    assert guarded.get("/v1/jobs", headers=one).headers["ratelimit-policy"] == '"read";q=6000;w=60'
    assert guarded.delete("/v1/jobs/job_1", headers=other).status_code == 404


def test_a_bucket_fills_again(redis: Redis) -> None:
    assert [take(redis, "k", "write", 2).allowed for _ in range(3)] == [True, True, False]
    now: Any = redis.get("retarget:bucket:write:k")
    redis.set("retarget:bucket:write:k", float(now) - 30)
    assert [take(redis, "k", "write", 2).allowed for _ in range(2)] == [True, False]


def test_a_key_may_fill_its_share_of_the_queue_and_no_more(guarded: TestClient, keys: KeyStore) -> None:
    one, other = with_key(keys, waiting_max=2), with_key(keys)
    posts = [guarded.post("/v1/jobs", files=FILES, headers=one) for _ in range(3)]
    assert [post.status_code for post in posts] == [202, 202, 429] and posts[2].json()["code"] == "queue-full"
    assert guarded.post("/v1/jobs", files=FILES, headers=other).status_code == 202
    assert guarded.post(f"/v1/jobs/{posts[0].json()['id']}/cancel", headers=one).status_code == 200
    assert guarded.post("/v1/jobs", files=FILES, headers=one).status_code == 202


def test_who_comes_with_one_job_does_not_wait_behind_sixty(
    guarded: TestClient, keys: KeyStore, store: JobStore, settings: Settings
) -> None:
    many, few = (keys.create(name, ["jobs:read", "jobs:write"]) for name in ("many", "few"))
    for _ in range(60):
        submit(store, JobRecord(owner=many[0].id), settings)
    job = guarded.post("/v1/jobs", files=FILES, headers={"Authorization": f"Bearer {few[1]}"}).json()
    assert job["queue_position"] == 1


def test_owners_take_turns_and_each_in_the_order_of_arrival(store: JobStore, settings: Settings) -> None:
    ids: dict[str, str] = {}
    for owner, count in (("a", 5), ("b", 2), ("c", 1)):
        for number in range(count):
            record = JobRecord(owner=owner)
            submit(store, record, settings)
            ids[record.id] = f"{owner}{number}"
    order = []
    while (first := store.first_waiting("retarget")) is not None:
        order.append(ids[first])
        assert store.claim(first, f"e{len(order)}", 30)
        if len(order) == 3:  # who comes late does not get what others have had before
            late = JobRecord(owner="d")
            submit(store, late, settings)
            ids[late.id] = "d0"
    assert set(order[:3]) == {"a0", "b0", "c0"} and order[3] == "d0"
    assert set(order[4:6]) == {"a1", "b1"} and order[6:] == ["a2", "a3", "a4"]


def test_priorities_count_among_an_owners_own_jobs_alone(store: JobStore, settings: Settings) -> None:
    ids: dict[str, str] = {}

    def post(owner: str, priority: Any) -> None:
        record = JobRecord(owner=owner, priority=priority)
        submit(store, record, settings)
        ids[record.id] = f"{owner} {priority} {sum(name.startswith(f'{owner} {priority}') for name in ids.values())}"

    for owner, priority in (
        [("a", "normal")] * 2 + [("b", "normal")] * 3 + [("a", "low"), ("a", "high"), ("a", "normal")]
    ):
        post(owner, priority)
    post("a", "high")
    order = [ids[name] for name in store.queued_ids()]
    assert [name for name in order if name.startswith("a")] == [
        "a high 0", "a high 1", "a normal 0", "a normal 1", "a normal 2", "a low 0",
    ]  # fmt: skip
    assert [name for name in order if name.startswith("b")] == ["b normal 0", "b normal 1", "b normal 2"]
    assert {name[0] for name in order[:2]} == {name[0] for name in order[2:4]} == {"a", "b"}, "turns stay as they were"


def test_the_command_line_makes_lists_and_revokes(
    settings: Settings, redis: Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["keys", "--redis-url", settings.redis_url]
    assert main([*where, "create", "studio", "--scope", "jobs:read", "--days", "30"]) == 0
    token = capsys.readouterr().out.strip()
    record = KeyStore(redis).find(token)
    assert record is not None and record.name == "studio" and record.scopes == ["jobs:read"]
    assert record.expires_at is not None and record.expires_at > datetime.now(UTC) + timedelta(days=29)
    assert main([*where, "list"]) == 0
    listed = capsys.readouterr().out
    assert record.shown in listed and "studio" in listed and token not in listed
    assert main([*where, "revoke", record.id]) == 0 and KeyStore(redis).find(token) is None
    assert main([*where, "revoke", record.id]) == 1
    assert capsys.readouterr().err.startswith("error: not-found: ")
    assert main([*where, "list", "--json"]) == 0 and json.loads(capsys.readouterr().out) == []
