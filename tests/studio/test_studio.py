"""The studio in a real browser against a real service: two files in, a moving result, corrections, lists, faults."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.studio.browser import serious_faults, served

MOVES = "html[data-first-motion-ms]"
LONG_MS = 120_000
SAMPLES = Path(__file__).resolve().parents[2] / "service" / "studio" / "samples"
PHONE = ViewportSize(width=390, height=800)


def post_job(address: str, motion: bytes, **options: Any) -> str:
    """The id of a job on the sample character that has ended."""
    files = {"motion": ("posted.bvh", motion), "character": ("stout.glb", (SAMPLES / "stout.glb").read_bytes())}
    answer = httpx2.post(f"{address}/v1/jobs", files=files, data={"options": json.dumps(options)}, timeout=30)
    job = str(answer.json()["id"])
    deadline = time.monotonic() + 100
    while httpx2.get(f"{address}/v1/jobs/{job}?wait=30", timeout=60).json()["finished_at"] is None:
        assert time.monotonic() < deadline
    return job


@pytest.fixture(scope="module")
def short_job(address: str) -> str:
    """A job with a scene of half a second and no scores of an encoder."""
    return post_job(address, (SAMPLES / "wave.bvh").read_bytes(), scene=True, encoder="none", end_s=0.5)


@pytest.fixture(scope="module")
def failed_job(address: str) -> str:
    broken = (SAMPLES / "wave.bvh").read_bytes().replace(b"MOTION", b"NOTION", 1)
    return post_job(address, broken, encoder="none")


def clock(page: Page) -> float:
    return float(page.locator(".clock").inner_text().split(" s")[0])


def open_job(page: Page, address: str, job: str) -> None:
    page.goto(f"{address}/studio/#/job/{job}")
    page.wait_for_selector(MOVES, state="attached", timeout=LONG_MS)


def test_from_two_files_to_a_corrected_result(page: Page, address: str) -> None:
    page.goto(f"{address}/studio")
    page.get_by_role("button", name="hands_on_hips.bvh").click()
    page.get_by_role("button", name="stout.glb").click()
    page.get_by_role("button", name="Retarget").click()
    page.wait_for_selector(MOVES, state="attached", timeout=LONG_MS)

    labels = [label.inner_text() for label in page.locator(".label").all()]
    assert labels == ["source", "result", "naive copy"]
    started = page.locator(".clock").inner_text()
    expect(page.locator(".clock")).not_to_have_text(started, timeout=20_000)  # it plays by itself
    page.get_by_role("button", name="pause").click()
    stage = page.locator(".stage")
    curves = page.locator(".curves").bounding_box()
    assert curves is not None
    page.mouse.click(curves["x"] + 140, curves["y"] + 20)
    first = stage.screenshot()
    page.mouse.click(curves["x"] + curves["width"] - 4, curves["y"] + 20)
    assert clock(page) == pytest.approx(3.6, abs=0.1)
    page.wait_for_timeout(500)
    assert stage.screenshot() != first, "another moment is another picture"
    page.locator(".moments button").first.click()
    assert page.locator(".moments button").first.inner_text() == f"{clock(page):.2f} s"

    page.locator('select[data-role="leftHand"]').select_option("leftLowerArm")
    first_job = page.url
    page.get_by_role("button", name="Run again with 1 change").click()
    page.wait_for_url(lambda url: url != first_job)
    expect(page.locator(".report")).to_be_visible(timeout=LONG_MS)
    job = page.evaluate("() => location.hash").split("/")[-1]
    report = httpx2.get(f"{address}/v1/jobs/{job}/report").json()
    assert report["mapping"]["target"]["roles"]["leftHand"]["joint"] == "leftLowerArm"
    with page.expect_download() as download:
        page.locator('button[data-artifact="result.glb"]').click()
    assert Path(download.value.path()).read_bytes()[:4] == b"glTF"


def test_keys_do_what_the_bar_does(page: Page, address: str, short_job: str) -> None:
    open_job(page, address, short_job)
    page.locator(".stage").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert page.locator(".clock").inner_text().endswith("frame 1")
    page.keyboard.press("3")
    expect(page.get_by_label("camera")).to_have_value("side")
    for name in ("overlay", "skeleton", "marks"):
        page.get_by_label(name, exact=True).focus()
        page.keyboard.press("Space")
    expect(page.locator(".stage")).to_have_class("stage overlaid")


def test_a_joint_is_picked_in_the_scene(page: Page, address: str, short_job: str) -> None:
    open_job(page, address, short_job)
    row = page.locator("tr", has=page.locator('select[data-role="head"]'))
    row.get_by_role("button", name="pick").click()
    label = page.locator(".label.result").bounding_box()
    assert label is not None
    for below in range(90, 260, 8):  # down the middle of the body until a joint is hit
        page.mouse.click(label["x"] + label["width"] / 2, label["y"] + label["height"] + below)
        if page.get_by_role("button", name="Run again with 1 change").count():
            break
    assert page.locator('select[data-role="head"]').input_value() != "head"


def test_two_results_stand_side_by_side(page: Page, address: str, short_job: str) -> None:
    other = post_job(
        address, (SAMPLES / "wave.bvh").read_bytes(), scene=True, encoder="none", end_s=0.5, root_motion="in_place"
    )
    page.goto(f"{address}/studio/#/jobs")
    for job in (short_job, other):
        page.locator(f'[data-job="{job}"] input').check()
    page.get_by_role("button", name="Compare two").click()
    page.wait_for_selector(MOVES, state="attached", timeout=LONG_MS)
    expect(page.locator(".label").last).to_have_text("other result")


def test_a_failed_job_tells_why(page: Page, address: str, failed_job: str) -> None:
    page.goto(f"{address}/studio/#/jobs")
    row = page.locator(f'[data-job="{failed_job}"]')
    expect(row).to_contain_text("posted.bvh")
    row.get_by_role("link").click()
    expect(page.get_by_role("alert")).to_contain_text("parse-failed")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()


def test_the_matrix_shows_the_worst_first(page: Page, address: str, short_job: str, failed_job: str) -> None:
    """Of a thousand jobs: what the service says of one real job, under other names and verdicts."""
    real = httpx2.get(f"{address}/v1/jobs/{short_job}").json()
    jobs = []
    for number in range(200):
        job = json.loads(json.dumps(real)) | {"id": f"job_{number}"}
        job["input"]["motion"][0]["name"] = f"m{number // 10:02}.bvh"
        job["input"]["character"][0]["name"] = f"c{number % 10}.glb"
        job["result"]["verdict"] = "fail" if number // 10 == 13 else "pass"
        jobs.append(job)

    def answer(route: Any) -> None:
        start = 100 if "cursor" in route.request.url else 0
        body = {"object": "list", "data": jobs[start : start + 100], "next_cursor": None if start else "more"}
        route.fulfill(json=body)

    page.route("**/v1/jobs?*", answer)
    page.goto(f"{address}/studio/#/matrix")
    expect(page.locator(".matrix td")).to_have_count(200)
    expect(page.locator(".matrix tbody th").first).to_have_text("m13.bvh")
    expect(page.get_by_role("status")).to_have_text("190 pass, 10 fail")


@pytest.mark.parametrize("colours", ["dark", "light"])
def test_no_serious_fault_of_accessibility(
    browser: Browser, address: str, short_job: str, failed_job: str, colours: Any
) -> None:
    context = browser.new_context(color_scheme=colours, viewport={"width": 1280, "height": 720})
    page = context.new_page()
    for path in ("", "jobs", "matrix", f"job/{failed_job}", f"job/{short_job}"):
        page.goto(f"{address}/studio/#/{path}")
        page.wait_for_load_state("networkidle")
        if path.endswith(short_job):
            page.wait_for_selector(MOVES, state="attached", timeout=LONG_MS)
            page.get_by_role("button", name="pause").click()
        assert serious_faults(page) == [], path
    context.close()


def test_nothing_is_cut_off_on_a_phone(browser: Browser, address: str, short_job: str) -> None:
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    page = context.new_page()
    for path in ("", "jobs", "matrix", f"job/{short_job}"):
        page.goto(f"{address}/studio/#/{path}")
        page.wait_for_load_state("networkidle")
        width = page.evaluate("() => document.documentElement.scrollWidth")
        assert width <= PHONE["width"], path
    context.close()


def test_where_keys_are_asked_for_the_page_asks_for_one(page: Page, tmp_path: Path) -> None:
    with served(tmp_path, keys="on", encoder="none") as address:
        page.goto(f"{address}/studio/#/jobs")
        expect(page.get_by_role("alert")).to_contain_text("unauthorized")
        page.get_by_label("Key").fill("mr_live_wrong")
        page.get_by_role("button", name="Use").click()
        expect(page.get_by_role("alert")).to_contain_text("unauthorized")
