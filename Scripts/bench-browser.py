#!/usr/bin/env python3
"""Read by Scripts/bench: how soon what a program writes stands in a job's page in Chromium, as a line of JSON.

usage: bench-browser.py SERVER RUNS

The program `ticks` is to be there, which writes the time in nanoseconds as long as it runs. PANAL_KEY and PANAL_PASSWORD are the
administrator's. A line's time ends when the page has it, before it is drawn.
"""
import json
import math
import os
import sys

import requests
from playwright.sync_api import sync_playwright

WATCH = """() => {
  const box = document.querySelector('pre[data-tail=stdout]');
  window.late = [];
  let seen = '';
  new MutationObserver(() => {
    // Several lines may come at once: the last of them is the newest.
    const all = box.textContent.slice(-200).match(/\\d{19}(?=\\n)/g);
    if (!all || all.at(-1) === seen) return;
    seen = all.at(-1);
    window.late.push((performance.timeOrigin + performance.now()) - Number(seen) / 1e6);
  }).observe(box, { childList: true, subtree: true, characterData: true });
}"""


def main() -> None:
    server, runs = sys.argv[1].rstrip("/"), int(sys.argv[2])
    api = requests.Session()
    api.headers["Authorization"] = f"Bearer {os.environ['PANAL_KEY']}"
    answer = api.post(f"{server}/api/v1/programs/ticks/jobs", json={})
    answer.raise_for_status()
    job = answer.json()["id"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium")
        page = chromium.new_context(base_url=server).new_page()
        page.goto("/sign-in")
        page.fill("#name", "admin")
        page.fill("#password", os.environ["PANAL_PASSWORD"])
        page.click("main button[type=submit]")
        page.wait_for_url("**/programs")
        page.goto(f"/jobs/{job}")
        page.evaluate(WATCH)
        late: list[float] = []
        while len(late) < runs:
            page.wait_for_timeout(200)
            late = page.evaluate("window.late")
            if page.locator("#live[data-live]").count() == 0:
                sys.exit(f"the job has ended after {len(late)} lines")
        chromium.close()
    api.post(f"{server}/api/v1/jobs/{job}/cancel").raise_for_status()
    late.sort()

    def at(share: float) -> int:
        return round(late[max(0, math.ceil(len(late) * share) - 1)] * 1_000)

    print(json.dumps({"name": "a line of output, until it stands in Chromium's page", "p50_us": at(0.5), "p99_us": at(0.99)}))


if __name__ == "__main__":
    main()
