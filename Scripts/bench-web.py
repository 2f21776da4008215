#!/usr/bin/env python3
"""Read by Scripts/bench: how soon pages come, how large they are, and how soon what a program writes is with whoever reads it live.

usage: bench-web.py SERVER RUNS [--rows FILE] [--json]

Signs in as the administrator and asks for each page RUNS times on one connection; a page's time is that until its first byte. PANAL_KEY and
PANAL_PASSWORD are the administrator's. Two programs are to be there, `form` with a hundred fields and `ticks`, which writes the time in nanoseconds
as long as it runs. The baseline is a file that lies in memory, the style sheet. FILE has rows that others have measured, a JSON object on each line.
"""
import http.client
import json
import math
import os
import re
import sys
import time
import urllib.parse


def percentile(samples: list[float], share: float) -> float:
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


class Site:
    def __init__(self, address: str) -> None:
        self.place = urllib.parse.urlsplit(address).netloc
        self.connection = http.client.HTTPConnection(self.place)
        self.headers: dict[str, str] = {"Accept": "text/html", "Accept-Language": "en"}
        self.cookies: dict[str, str] = {}

    def ask(self, path: str, form: dict[str, str] | None = None) -> tuple[http.client.HTTPResponse, bytes, float]:
        """The answer, its body, and the seconds until its first byte."""
        headers, body = dict(self.headers), None
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{key}={value}" for key, value in self.cookies.items() if value)
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urllib.parse.urlencode(form)
        begin = time.perf_counter()
        self.connection.request("GET" if form is None else "POST", path, body, headers)
        answer = self.connection.getresponse()
        first = time.perf_counter() - begin
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                key, _, content = value.split(";")[0].partition("=")
                self.cookies[key] = content
        return answer, answer.read(), first

    def sign_in(self, password: str) -> None:
        _, page, _ = self.ask("/sign-in")
        token = re.search(rb'name="_csrf" value="([^"]+)"', page)
        if token is None:
            sys.exit("the page to sign in has no form")
        form = {"_csrf": token[1].decode(), "name": "admin", "password": password, "return": "/programs"}
        answer, _, _ = self.ask("/sign-in", form)
        if answer.status != 303:
            sys.exit(f"nobody was signed in: {answer.status}")

    def interface(self, method: str, path: str, body: str | None = None) -> dict:
        headers = {"Authorization": f"Bearer {os.environ['PANAL_KEY']}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection(self.place)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status >= 300:
            sys.exit(f"{method} {path}: {answer.status}: {text.decode()}")
        return json.loads(text)


def live(site: Site, runs: int) -> list[float]:
    """Seconds from a program's write to the reader who follows its output, as often as `runs` says."""
    job = site.interface("POST", "/api/v1/programs/ticks/jobs", "{}")["id"]
    connection = http.client.HTTPConnection(site.place)
    connection.request(
        "GET",
        f"/api/v1/jobs/{job}/stdout",
        headers={"Authorization": f"Bearer {os.environ['PANAL_KEY']}", "Accept": "text/event-stream"},
    )
    answer = connection.getresponse()
    samples: list[float] = []
    while len(samples) < runs:
        line = answer.readline()
        if not line:
            sys.exit(f"the live output has ended after {len(samples)} lines")
        # Several lines may come in one event: the last of them is the newest.
        written = re.findall(rb"\d{19}", line)
        if written:
            samples.append(time.time() - int(written[-1]) / 1e9)
    connection.close()
    site.interface("POST", f"/api/v1/jobs/{job}/cancel")
    return samples


def main() -> None:
    address, runs = sys.argv[1], int(sys.argv[2])
    site = Site(address)
    site.sign_in(os.environ["PANAL_PASSWORD"])
    jobs = site.interface("GET", "/api/v1/jobs?limit=200")["jobs"]
    job = jobs[len(jobs) // 2]["id"]
    user = site.interface("GET", "/api/v1/users")["users"][0]["id"]
    pages = [
        "/sign-in", "/programs", "/programs/form", "/publish", "/jobs", "/jobs?state=failed", f"/jobs/{job}", "/usage", "/account",
        "/webhooks", "/images", "/users", f"/users/{user}", "/groups", "/credits", "/costs", "/settings", "/machine", "/audit",
    ]  # fmt: skip
    rows = []

    def note(name: str, samples: list[float], size: int | None, baseline: float | None) -> float:
        median = percentile(samples, 0.5)
        row = {
            "name": name,
            "p50_us": round(median * 1e6),
            "p99_us": round(percentile(samples, 0.99) * 1e6),
            "per_second": round(len(samples) / sum(samples), 1),
            "ratio": round(median / baseline, 2) if baseline else None,
            "bytes": size,
        }
        rows.append(row)
        return median

    baseline = None
    for path in ["/assets/panal.css"] + pages:
        samples, size = [], 0
        for _ in range(runs):
            answer, body, first = site.ask(path)
            if answer.status != 200:
                sys.exit(f"{path}: {answer.status}")
            samples.append(first)
            size = len(body)
        name = re.sub(r"/[0-9a-z]{20}$", "/…", path)
        median = note(name, samples, size, baseline)
        baseline = baseline or median
    note("a line of output, until it is read live", live(site, runs), None, None)
    if "--rows" in sys.argv:
        with open(sys.argv[sys.argv.index("--rows") + 1], encoding="utf-8") as file:
            rows += [json.loads(line) for line in file]
    if "--json" in sys.argv:
        for row in rows:
            print(json.dumps({name: value for name, value in row.items() if value is not None}))
        return
    print(f"{'':<52}{'p50 µs':>10}{'p99 µs':>10}{'per second':>12}{'ratio':>8}{'bytes':>10}")
    for row in rows:
        cells = [row.get(name) or "" for name in ("p50_us", "p99_us", "per_second", "ratio", "bytes")]
        print(f"{row['name']:<52}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, (10, 10, 12, 8, 10))))


if __name__ == "__main__":
    main()
