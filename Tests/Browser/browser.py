"""Uses a running server's pages in Chromium. Each check prints a line; the first that does not hold ends it.

Nothing waits for a time: for what a page shows, for an answer, or for the end of a job.

usage: PANAL_PASSWORD=… browser.py SERVER
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import time
import urllib.parse

import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

import images
import programs

here = pathlib.Path(__file__).resolve().parent
server, password = sys.argv[1].rstrip("/"), os.environ["PANAL_PASSWORD"]
work = pathlib.Path(os.environ["WORK"])
screenshots = os.environ.get("SCREENSHOTS")
expect.set_options(timeout=120_000)


def check(is_right, what, seen=""):
    if not is_right:
        sys.exit(f"not right: {what}: {seen}")
    print(f"right: {what}", flush=True)


# The programming interface, to make ready what the pages show.

api = requests.Session()


def sign_in():
    answer = api.post(f"{server}/api/v1/sign-in", json={"name": "admin", "password": password, "label": "browser"})
    answer.raise_for_status()
    api.headers["Authorization"] = f"Bearer {answer.json()['secret']}"
    return answer.json()["secret"]


def publish(manifest, script="#!/bin/sh\necho hello\n"):
    answer = api.post(f"{server}/api/v1/programs", files={
        "manifest": ("manifest.json", json.dumps(manifest)), "program": ("run.sh", script)})
    if answer.status_code not in (200, 201):
        sys.exit(f"{manifest['name']} is not published: {answer.text}")
    return answer.json()


def run(name, values, wait=50):
    answer = api.post(f"{server}/api/v1/programs/{name}/jobs", json=values, headers={"Prefer": f"wait={wait}"})
    answer.raise_for_status()
    return answer.json()


# The browser. Whatever it asks of another host, whatever its console complains of, is a mistake.

class Watched:
    def __init__(self, browser, locale="en-GB", **options):
        self.mistakes = []
        self.context = browser.new_context(locale=locale, base_url=server, **options)
        self.context.add_init_script(
            "document.addEventListener('securitypolicyviolation', (e) => "
            "console.error('policy: ' + e.violatedDirective + ' ' + e.blockedURI))")
        self.context.on("request", self.on_request)
        self.context.on("console", self.on_console)
        self.context.on("weberror", lambda error: self.mistakes.append(f"{error.page.url}: {error.error}"))
        self.context.on("dialog", self.on_dialog)
        self.page = self.context.new_page()

    def on_request(self, request):
        host = urllib.parse.urlsplit(request.url)
        if f"{host.scheme}://{host.netloc}" != server and host.scheme not in ("data", "blob"):
            self.mistakes.append(f"asks {request.url}")

    def on_console(self, message):
        # A refused form is told as such by the browser.
        if message.type in ("error", "warning") and "the server responded with a status of 4" not in message.text:
            self.mistakes.append(f"{message.page.url if message.page else ''}: {message.text}")

    def on_dialog(self, dialog):
        self.mistakes.append(f"a dialog says {dialog.message}")
        dialog.dismiss()

    def enter(self):
        self.page.goto("/sign-in")
        self.page.fill("#name", "admin")
        self.page.fill("#password", password)
        self.page.click("main button[type=submit]")
        self.page.wait_for_url("**/programs")
        return self

    def end(self, what):
        check(self.mistakes == [], f"{what}: nothing is asked of other hosts, no policy is broken, nothing fails", self.mistakes)
        self.context.close()


def open_form(page, path):
    page.goto(path)
    page.wait_for_selector("form[data-ready]")


def until(page, expression):
    """Waits until it holds in the page. Playwright's own way evaluates texts inside the page, which its policy refuses."""
    end = time.monotonic() + 60
    while not page.evaluate(expression):
        check_time(end, expression)
        page.wait_for_timeout(10)


def check_time(end, what):
    if time.monotonic() > end:
        sys.exit(f"not right: waited too long for {what}")


def see_progress(watched, form, what):
    """Sends a form whose files are large: most of them is held back until it was seen how far they have come."""
    page = watched.page
    cdp = watched.context.new_cdp_session(page)
    cdp.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 300_000}
    cdp.send("Network.emulateNetworkConditions", slow)
    page.evaluate("""(form) => { window.seen = []; new MutationObserver(() => {
        const bar = document.querySelector('.upload progress');
        if (bar && bar.value > 0 && bar.value < 1) window.seen.push(bar.value);
    }).observe(document.querySelector(form), { childList: true, subtree: true, characterData: true, attributes: true }); }""", form)
    page.click("main form button.primary")
    until(page, "window.seen.length > 0")
    check(page.evaluate("document.activeElement.closest('.upload') !== null"), f"{what}: the keyboard is where it can be stopped")
    expect(page.locator(".upload [role=status]")).not_to_be_empty()
    cdp.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": -1})
    check(True, f"{what} tells how far it has come")


def wait_for_end(page):
    page.wait_for_selector("#live:not([data-live])", state="attached", timeout=180_000)


# 1. Rules

def rules(browser):
    tables = json.loads((here / "../PanalManifestTests/Rules/cases.json").read_text())
    judge = (here / "table.js").read_text()
    watched = Watched(browser).enter()
    judged = filled = 0
    for table in tables:
        entry = publish({**table["manifest"], "name": "table"})
        open_form(watched.page, f"/programs/table?version={entry['version']}")
        found = watched.page.evaluate(judge, table["cases"])
        check(found["wrong"] == [], f"the page judges as the server: {table['about']}", "\n".join(found["wrong"]))
        judged += found["judged"]
        filled += found["filled"]
    check(judged > 275 and filled > 190, f"{judged} cases were judged, {filled} of them filled in")
    # A field that takes numbers says so when the test puts something else into it.
    watched.mistakes = [one for one in watched.mistakes if "The specified value" not in one]
    watched.end("rules")


# 2. The form

def form(browser):
    publish(programs.FORM)
    picture = work / "picture.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(3_000_000))
    for locale, words in [("en-GB", "Some fields need another look."), ("es-CO", "Hay campos que revisar.")]:
        watched = Watched(browser, locale)
        page = watched.enter().page
        open_form(page, "/programs/todo-junto")
        check(page.evaluate("document.documentElement.outerHTML.length") < 100_000, "a page with 10,000 choices is small")
        expect(page.locator("[data-field=strength]")).to_be_hidden()
        expect(page.locator("[data-field=note]")).to_be_hidden()
        expect(page.get_by_role("heading", name="Only with more")).to_be_hidden()
        page.check("#field-more")
        expect(page.locator("[data-field=note]")).to_be_visible()
        page.fill("#field-note", "kept for another time")
        page.uncheck("#field-more")
        expect(page.locator("[data-field=note]")).to_be_hidden()
        expect(page.locator("#field-note")).to_be_disabled()
        page.check("input[name=mode][value=hard]") if page.locator("input[name=mode]").count() else page.select_option("#field-mode", "hard")
        expect(page.locator("[data-field=strength]")).to_be_visible()
        check(True, f"fields are shown and put away as they are asked for ({locale})")

        page.fill("#field-size", "4")
        page.fill("#field-code", "a1")
        page.locator("#field-code").blur()
        expect(page.locator("#field-code-mistake")).to_contain_text("a1")
        expect(page.locator("#field-size-mistake")).to_contain_text("4")
        page.click("main form button.primary")
        expect(page.locator("#form-notice")).to_have_text(words)
        expect(page.locator("#field-picture")).to_be_focused()
        expect(page.locator("#field-strength-mistake")).to_be_visible()
        check(page.locator("#field-code").get_attribute("aria-describedby") == "field-code-mistake"
              and page.locator("#field-code").get_attribute("aria-invalid") == "true", f"mistakes are told to screen readers ({locale})")
        page.fill("#field-size", "5")
        page.fill("#field-code", "AB1")
        page.fill("#field-strength", "0.5")
        expect(page.locator(".mistake")).to_have_count(1)

        page.fill("#field-word", "w0999")
        until(page, "document.querySelectorAll('#field-word-list option').length === 10")
        page.fill("#field-word", "w09999")
        check(True, f"of 10,000 choices those are offered that fit ({locale})")

        # Dropped as from another window.
        data = page.evaluate_handle(
            "() => { const d = new DataTransfer(); d.items.add(new File([new Uint8Array(5)], '\u202egnp.txt')); return d; }")
        for event in ["dragenter", "dragover"]:
            page.dispatch_event("[data-field=picture]", event, {"dataTransfer": data})
        check("over" in page.locator("[data-field=picture]").get_attribute("class"), f"a field shows where a file can be dropped ({locale})")
        page.dispatch_event("[data-field=picture]", "drop", {"dataTransfer": data})
        check(page.evaluate("document.querySelector('#field-picture').files[0].name") == "\u202egnp.txt", f"a dropped file is taken ({locale})")
        expect(page.locator("[data-field=picture] .chosen bdi")).to_have_text("\u202egnp.txt")
        expect(page.locator(".mistake")).to_have_count(0)

        page.set_input_files("#field-picture", str(picture))
        see_progress(watched, "form[data-rules]", f"a form ({locale})")
        page.wait_for_url("**/jobs/*")
        wait_for_end(page)
        expect(page.locator(".verdict.good")).to_be_visible()
        fields = page.locator("dl.facts").first.inner_text()
        check("picture.png" in fields and "w09999" in fields and "kept for another time" not in fields, f"the form arrived as it was ({locale})", fields)
        check(page.get_by_text("onerror=alert(1)").count() > 0, f"hostile words are words ({locale})")

        # What only the server can refuse comes back at its field, and the file stays chosen.
        open_form(page, "/programs/todo-junto")
        page.set_input_files("#field-picture", {"name": "a.txt", "mimeType": "text/plain", "buffer": b"a"})
        page.check("#field-more")
        page.fill("#field-data", '{"twice": 1, "twice": 2}')
        page.click("main form button.primary")
        expect(page.locator("#field-data-mistake")).to_contain_text("twice")
        page.wait_for_selector("form[data-ready]")
        expect(page.locator("[role=alert]")).to_be_focused()
        check(page.evaluate("document.querySelector('#field-picture').files[0]?.name") == "a.txt", f"a file stays chosen after a refusal ({locale})")
        page.fill("#field-data", "{}")
        page.click("main form button.primary")
        page.wait_for_url("**/jobs/*")
        watched.end(f"the form ({locale})")

    plain = Watched(browser, java_script_enabled=False)
    page = plain.enter().page
    page.goto("/programs/todo-junto")
    expect(page.locator("#field-strength")).to_be_visible()
    expect(page.locator("#field-strength")).to_be_enabled()
    page.set_input_files("#field-picture", {"name": "a.txt", "mimeType": "text/plain", "buffer": b"a"})
    page.click("main form button.primary")
    page.wait_for_url("**/jobs/*")
    plain.end("a browser without scripts fills the form in")


# 3. Favourites, and many runs out of one form

def blocks(browser):
    """Fields that are given several times: with the page's script, and without it."""
    publish(programs.BLOCKS, programs.BLOCKS_SCRIPT)
    (work / "one.txt").write_text("first\n")
    (work / "two.txt").write_text("second\n")
    for locale, (more, less, added, removed) in [
        ("en-GB", ("Add Layer", "Remove Layer", "was added", "was removed")),
        ("es-CO", ("Añadir Layer", "Quitar Layer", "Se añadió", "Se quitó")),
    ]:
        watched = Watched(browser, locale)
        page = watched.enter().page
        open_form(page, "/programs/blocks")
        check(page.locator("[data-time]").count() == 1, "a block is there as often as it has to be")
        expect(page.get_by_role("button", name=f"{less} 1")).to_be_disabled()
        page.get_by_role("button", name=more).press("Enter")
        expect(page.get_by_role("group", name="Layer 2", exact=True)).to_be_visible()
        expect(page.locator("[role=status]").first).to_contain_text(added)
        check(page.evaluate("document.activeElement.name") == "layer.1.word", "one goes on in the block that was added")
        page.keyboard.type("blue")
        page.get_by_role("button", name=more).click()
        expect(page.get_by_role("button", name=more)).to_be_disabled()
        page.fill("[name='layer.2.word']", "green")
        page.set_input_files("[name='layer.2.file']", work / "one.txt")
        page.check("[name='layer.2.marked']")
        expect(page.locator("[data-field='layer.2.mark']")).to_be_visible()
        expect(page.locator("[data-field='layer.1.mark']")).to_be_hidden()
        page.fill("[name='layer.0.word']", "red")
        page.get_by_role("button", name=f"{less} 2").click()
        expect(page.locator("[role=status]").first).to_contain_text(removed)
        check(page.evaluate("document.activeElement.value") == "layer.1", "one goes on at the block that took its place")
        check(page.input_value("[name='layer.1.word']") == "green", "what follows moves up with what is in it")
        check(page.evaluate("document.querySelector('[name=\"layer.1.file\"]').files.length") == 1, "and with its file")
        check(page.locator("label[for='field-layer.1.word']").count() == 1, "names and labels stay together")
        page.click("button.primary")
        expect(page.locator("#field-layer\\.1\\.mark-mistake")).to_be_visible()
        page.fill("[name='layer.1.mark']", "x")
        check(violations(page) == [], "blocks: no violations", violations(page))
        # What the server refuses comes back as it was; a mistake that the page cannot see is told at its field.
        page.fill("[name='layer.1.word']", "blue")
        page.click("button.primary")
        page.wait_for_url("**/jobs/*")
        wait_for_end(page)
        expect(page.locator("pre").filter(has_text="0: red\n1: first\n1: blue")).to_be_visible()
        # Again, with what it had, its file too.
        page.get_by_role("link", name="Run again" if locale == "en-GB" else "Ejecutar otra vez").click()
        page.wait_for_selector("form[data-ready]")
        check(page.locator("[data-time]").count() == 2, "a job's blocks are there again")
        check(page.input_value("[name='layer.1.word']") == "blue", "with their values")
        page.get_by_role("button", name=f"{less} 1").click()
        kept = page.locator("[name=_keep]")
        check(kept.count() == 1 and kept.input_value() == "layer.0.file=layer.1.file", "and with their files, wherever they go")
        page.click("button.primary")
        page.wait_for_url("**/jobs/*")
        wait_for_end(page)
        expect(page.locator("pre").filter(has_text="0: first\n0: blue")).to_be_visible()
        watched.end("blocks")

    watched = Watched(browser, java_script_enabled=False)
    page = watched.enter().page
    page.goto("/programs/blocks")
    page.fill("[name='layer.0.word']", "red")
    # Not the button that happens to stand first.
    page.get_by_role("button", name="Add Layer").click()
    check(page.url.endswith("/programs/blocks") and page.locator("[data-time]").count() == 2, "without a script one more is asked of the server")
    check(page.input_value("[name='layer.0.word']") == "red", "what was filled in is still there")
    check(page.input_value("[name='layer.1.tint']") == "#1e90ff", "and the new one has its defaults")
    page.get_by_role("button", name="Add Layer").click()
    page.fill("[name='layer.2.word']", "blue")
    page.get_by_role("button", name="Remove Layer 2").click()
    check(page.input_value("[name='layer.1.word']") == "blue", "one is taken away, and the next moves up")
    # Which the browser does not know to be wrong.
    page.check("[name='layer.1.marked']")
    page.locator("button.primary").click()
    check(page.locator("[data-time]").count() == 2, "a form that comes back has as many blocks")
    expect(page.locator("#field-layer\\.1\\.mark-mistake")).to_be_visible()
    page.fill("[name='layer.1.mark']", "x")
    page.set_input_files("[name='layer.1.file']", work / "two.txt")
    # Enter runs the program, and takes no block away.
    page.press("[name='layer.1.word']", "Enter")
    page.wait_for_url("**/jobs/*")
    watched.end("blocks without a script")


def favourites(browser):
    publish(programs.SNIPPET, programs.SNIPPET_SCRIPT)
    for scripts in [True, False]:
        watched = Watched(browser, "es-CO", java_script_enabled=scripts)
        page = watched.enter().page
        star = page.get_by_role("button", name="Favorito: snippet")
        expect(star).to_have_attribute("aria-pressed", "false")
        # As with the keyboard.
        star.focus()
        page.keyboard.press("Enter")
        expect(star).to_have_attribute("aria-pressed", "true")
        expect(page.locator("ul.tiles").first.get_by_role("heading")).to_have_text(["snippet"])
        page.goto("/programs/snippet")
        star.click()
        expect(star).to_have_attribute("aria-pressed", "false")
        page.goto("/programs")
        expect(page.locator("ul.tiles")).to_have_count(1)
        watched.end(f"favourites ({'with' if scripts else 'without'} scripts)")


def sweeps(browser):
    publish(programs.SWEEP, programs.SWEEP_SCRIPT)
    watched = Watched(browser)
    page = watched.enter().page
    open_form(page, "/programs/sweep")
    page.set_input_files("#field-file", {"name": "a.txt", "mimeType": "text/plain", "buffer": b"in the file"})
    page.locator("details.sweep summary").click()
    page.select_option("#sweep-input", "size")
    expect(page.locator("#field-size")).to_be_disabled()
    check(page.locator("#field-big").is_hidden(), "a field that is asked for by the value of another follows the first of many")
    page.fill("#sweep-values", "2\nx\n3")
    page.click("main form button.primary")
    expect(page.locator("#sweep-mistake")).to_contain_text("x")
    page.wait_for_selector("form[data-ready]")
    expect(page.locator("details.sweep")).to_have_attribute("open", "")
    page.fill("#sweep-values", "")
    page.fill("[name=_sweep_from]", "1")
    page.fill("[name=_sweep_to]", "3")
    page.click("main form button.primary")
    page.wait_for_url("**/batches/*")
    batch = page.url
    expect(page.locator("tbody tr")).to_have_count(3)
    # At its end the page is loaded once more, as a whole.
    expect(page.locator("#live[data-live]")).to_have_count(0)
    expect(page.locator("[role=status]")).to_contain_text("3 of 3")
    check(violations(page) == [], "axe finds nothing on a batch's page", violations(page))
    # The first cell of a line leads to its job.
    page.locator("tbody tr").nth(2).get_by_role("link").first.click()
    page.wait_for_url("**/jobs/*")
    expect(page.locator("pre[data-tail=stdout]")).to_have_text("3 in the file")
    page.get_by_role("link", name="One of 3 runs").click()
    page.wait_for_url(batch)
    with page.expect_download() as table:
        page.get_by_role("link", name="As a table (CSV)").click()
    lines = pathlib.Path(table.value.path()).read_text().splitlines()
    check([line.split(",")[1] for line in lines] == ["size", "1", "2", "3"], "a batch comes as a table", lines)
    watched.end("a sweep")

    plain = Watched(browser, "es-CO", java_script_enabled=False)
    page = plain.enter().page
    page.goto("/programs/sweep")
    page.set_input_files("#field-file", {"name": "a.txt", "mimeType": "text/plain", "buffer": b"a"})
    page.fill("#field-size", "1")
    page.locator("details.sweep summary").click()
    page.select_option("#sweep-input", "size")
    page.fill("#sweep-values", "4\n5")
    page.click("main form button.primary")
    page.wait_for_url("**/batches/*")
    expect(page.locator("tbody tr")).to_have_count(2)
    plain.end("a sweep without scripts")


def keyboard(browser):
    """Many runs out of one form by the keyboard alone: each stop can be seen and has a name."""
    for locale in ["en-GB", "es-CO"]:
        watched = Watched(browser, locale)
        page = watched.enter().page
        open_form(page, "/programs/sweep")
        # The one thing for which browsers open a window of the system's.
        page.set_input_files("#field-file", {"name": "a.txt", "mimeType": "text/plain", "buffer": b"by keyboard"})
        unseen = []

        def tab_to(selector):
            for _ in range(60):
                page.keyboard.press("Tab")
                stop = page.evaluate("""() => { const at = document.activeElement, style = getComputedStyle(at); return {
                    seen: at === document.body || style.outlineStyle !== 'none' || style.boxShadow !== 'none',
                    html: at.outerHTML.slice(0, 120) }; }""")
                if not stop["seen"]:
                    unseen.append(stop["html"])
                if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
                    return
            sys.exit(f"not right: the keyboard does not reach {selector}")

        tab_to("#field-size")
        page.keyboard.type("1")
        tab_to("[name=_profile]")
        tab_to("details.sweep summary")
        page.keyboard.press("Enter")
        tab_to("#sweep-input")
        page.keyboard.type("size")
        tab_to("#sweep-values")
        page.keyboard.type("4\n5")
        for name in ["_sweep_from", "_sweep_to", "_sweep_step"]:
            tab_to(f"[name={name}]")
        names = page.locator("details.sweep").locator("select, textarea, input").evaluate_all("all => all.map((one) => one.labels.length > 0)")
        check(names == [True] * 5, f"each control of a sweep has a label ({locale})", names)
        tab_to("main form button.primary:not(.visually-hidden)")
        page.keyboard.press("Enter")
        page.wait_for_url("**/batches/*")
        expect(page.locator("tbody tr")).to_have_count(2)
        check(unseen == [], f"where the keyboard is can be seen ({locale})", unseen)
        watched.end(f"a sweep by the keyboard ({locale})")


# 4. Snippets

def snippets(browser, key):
    publish(programs.SNIPPET, programs.SNIPPET_SCRIPT)
    watched = Watched(browser).enter()
    watched.page.goto("/programs/snippet")
    texts = {one.locator("summary").inner_text(): one.locator("code").text_content()
             for one in watched.page.locator("details[name=snippet]").all()}
    check(set(texts) == {"curl", "Python", "Swift"}, "the form has snippets beside it", set(texts))
    (work / "file.txt").write_text("in the file\n")
    environment = {**os.environ, "PANAL_KEY": key}
    for language, command in [("curl", ["bash", "-c", texts["curl"]]), ("Python", [sys.executable, "-c", texts["Python"]])]:
        done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, timeout=120)
        check(done.returncode == 0, f"the snippet for {language} runs", done.stdout + done.stderr)
        job = json.loads(done.stdout) if language == "curl" else eval(done.stdout)
        output = api.get(f"{server}/api/v1/jobs/{job['id']}/stdout").text
        wanted = [programs.SNIPPET["inputs"][0]["default"], "@/etc/passwd", "5", "/input/file/file.txt", "a", "b", "x", ""]
        check(output.encode().decode() == "\n".join(wanted), f"{language} hands over what the form would", output)
    (work / "snippet.swift").write_text(texts["Swift"])
    if os.environ.get("SWIFT"):
        subprocess.run([os.environ["SWIFT"], "-o", work / "snippet", work / "snippet.swift"], check=True, timeout=300)
        done = subprocess.run([work / "snippet"], cwd=work, env=environment, capture_output=True, text=True, timeout=120)
        check('"finished"' in done.stdout, "the snippet for Swift runs", done.stdout + done.stderr)
    watched.end("snippets")


# 5. Results and jobs

def results(browser):
    publish(programs.RESULTS, programs.RESULTS_SCRIPT)
    job = run("results", {"word": "once"})
    watched = Watched(browser).enter()
    page = watched.page
    page.goto(f"/jobs/{job['id']}")
    look_at_results(page, f"/jobs/{job['id']}")
    check(page.evaluate("document.documentElement.outerHTML.length") < 100_000, "a job's page is small beside large outputs")
    with page.expect_download() as archive:
        page.get_by_role("link", name="All in one archive").click()
    names = tarfile.open(archive.value.path()).getnames()
    check("results/picture.png" in names and len(names) == 8, "all files come in one archive", names)

    page.get_by_role("link", name="Run again").click()
    page.wait_for_selector("form[data-ready]")
    check(page.input_value("#field-word") == "once", "a job is run again with the same values")
    page.fill("#field-word", "twice")
    page.click("main form button.primary")
    page.wait_for_url("**/jobs/*")
    wait_for_end(page)
    expect(page.locator("pre[data-tail=stdout]")).to_contain_text("said twice")

    page.fill("#share-days", "3")
    page.get_by_role("button", name="Make a link").click()
    link = page.locator("code.secret").inner_text()
    stranger = Watched(browser, "es-CO")
    stranger.page.goto(link)
    look_at_results(stranger.page, urllib.parse.urlsplit(link).path)
    check(stranger.page.get_by_text("said twice").count() == 0, "a link shows the files and no more")
    check(violations(stranger.page) == [], "axe finds nothing on a shared page", violations(stranger.page))
    stranger.end("a shared result")
    page.goto(f"/jobs/{urllib.parse.urlsplit(page.url).path.split('/')[2]}")
    page.get_by_role("button", name="End the link").click()
    expect(page.get_by_role("button", name="End the link")).to_have_count(0)
    check(requests.get(link).status_code == 404, "a link that was ended shows nothing")
    watched.end("results")


def look_at_results(page, base):
    expect(page.locator("figure.result")).to_have_count(8)
    for image in page.locator("figure img").all():
        image.scroll_into_view_if_needed()
    until(page, "Array.from(document.images).every((image) => image.complete && image.naturalWidth > 0)")
    sizes = page.evaluate("Array.from(document.querySelectorAll('figure img')).map((i) => [i.src.split('.').pop(), i.naturalWidth])")
    check(dict(sizes) == {"png": 8, "svg": 80}, "pictures are shown", sizes)
    until(page, "document.querySelector('audio').readyState >= 1")
    expect(page.locator("table.data td").get_by_text("<script>alert(1)</script>")).to_be_visible()
    check("\u202e" not in " ".join(page.locator(".file-name").all_inner_texts()), "no mark turns a file's name round")
    check(page.evaluate("window.stolen === undefined"), "no output is run")
    # What could carry a script is taken home, and is nothing but itself where it is opened all the same.
    for name in ["drawing.svg", "page.html", "data.json"]:
        answer = page.request.get(f"{server}{base}/files/{name}")
        check("attachment" in answer.headers["content-disposition"] and answer.headers["content-security-policy"].startswith("sandbox")
              and answer.headers["x-content-type-options"] == "nosniff", f"{name} is sandboxed", answer.headers)


def live(browser):
    publish(programs.ENDLESS, programs.ENDLESS_SCRIPT)
    watched = Watched(browser).enter()
    page = watched.page
    open_form(page, "/programs/endless")
    page.fill("#field-lines", "20")
    page.click("main form button.primary")
    page.wait_for_url("**/jobs/*")
    page.evaluate("""() => { window.late = []; let seen = 0; new MutationObserver(() => {
        const all = Array.from(document.querySelector('pre[data-tail=stdout]').textContent.slice(-5000).matchAll(/stamp (\\d+)\\n/g));
        if (all.length > 0 && all.at(-1)[1] !== seen) { seen = all.at(-1)[1]; window.late.push(Date.now() - seen); }
    }).observe(document.querySelector('pre[data-tail=stdout]'), { childList: true, subtree: true, characterData: true }); }""")
    output = page.locator("pre[data-tail=stdout]")
    expect(output).to_contain_text("waiting")
    expect(page.locator("[role=status]").first).to_contain_text("running")
    late = sorted(page.evaluate("window.late"))
    print(f"measured: lines reach the page after {late[len(late) // 2] if late else '?'} ms (median of {len(late)})", flush=True)
    check(page.evaluate("document.querySelector('pre[data-tail=stdout]').textContent.length") <= 100_000, "a line of a megabyte leaves the page small")
    check(violations(page) == [], "axe finds nothing on a running job's page", violations(page))
    # Drawn anew as it goes on; the words say the same.
    expect(page.locator("figure.graph svg[role=img]")).to_have_count(2)
    expect(page.locator("figure.graph svg").first).to_have_attribute("aria-label", re.compile("Processor: now .* of 1 core"))
    job = urllib.parse.urlsplit(page.url).path.split("/")[2]
    samples = api.get(f"{server}/api/v1/jobs/{job}/samples").json()["samples"]
    check(samples and all(0 <= one["cores"] <= 1.5 and one["from"] < one["to"] for one in samples)
          and samples[-1]["memoryBytes"] > 1_000_000, "what a running job uses is told", samples)
    page.locator("form[action$=cancel] button").click()
    wait_for_end(page)
    expect(page.locator("figure.graph")).to_have_count(2)
    check(True, "a job's page follows it to its end")
    watched.end("a running job")


def violations(page):
    return [f"{one['id']}: {[node['html'] for node in one['nodes']][:3]}" for one in Axe().run(page).response["violations"]]


# 6. Images, in images.py

# 7. Every page

def every_page(browser):
    """Each route that answers a page, by the address that shows it; a test of the server's holds this table against its routes."""
    jobs = api.get(f"{server}/api/v1/jobs").json()["jobs"]
    finished = next(job["id"] for job in jobs if job["program"] == "results")
    group = api.post(f"{server}/api/v1/groups", json={"name": "hive", "label": "The hive"})
    hook = api.post(f"{server}/api/v1/webhooks", json={"url": "https://hooks.example.org/", "events": ["job.finished"]})
    user = api.post(f"{server}/api/v1/users", json={"name": "ana", "role": "user"})
    share = api.post(f"{server}/api/v1/jobs/{finished}/shares", json={"days": 1})
    batch = api.post(f"{server}/api/v1/programs/results/batches", json={
        "submission": {}, "sweep": {"input": "word", "values": ["one", "two", "three"]}})
    for made in [group, hook, user, share, batch]:
        check(made.ok, "there is something to show", made.text)
    image = import_image("small", images.archive(work / "small.tar"))
    import_image("busy", images.shell(work / "busy.tar"))
    writing = running({"name": "writing", "rootfs": "busy:1", "writable": True, "inputs": []}, "#!/bin/sh\nsleep 600\n")
    api.get(f"{server}/api/v1/batches/{batch.json()['id']}", headers={"Prefer": "wait=50"}).raise_for_status()
    pages = {
        "/sign-in": ["/sign-in"],
        "/sign-up": ["/sign-up"],
        "/programs": ["/programs"],
        "/programs/{name}": [f"/programs/{name}" for name in ["todo-junto", "blocks", "snippet", "sweep"]],
        "/publish": ["/publish"],
        "/jobs": ["/jobs"],
        "/jobs/{id}": [f"/jobs/{finished}", f"/jobs/{writing}"],
        "/jobs/{id}/copy": [f"/jobs/{writing}/copy"],
        "/batches/{id}": [f"/batches/{batch.json()['id']}"],
        "/shared/{secret}": [share.json()["url"]],
        "/usage": ["/usage"],
        "/account": ["/account"],
        "/webhooks": ["/webhooks"],
        "/webhooks/{id}": [f"/webhooks/{hook.json()['id']}"],
        "/users": ["/users"],
        "/users/{id}": [f"/users/{user.json()['id']}"],
        "/groups": ["/groups"],
        "/groups/{id}": [f"/groups/{group.json()['id']}"],
        "/images": ["/images"],
        "/images/new": ["/images/new"],
        "/images/{id}": [f"/images/{image.json()['id']}"],
        "/machine": ["/machine"],
        "/audit": ["/audit"],
        "/settings": ["/settings"],
        "/credits": ["/credits"],
        "/costs": ["/costs"],
    }
    for scheme, locale in [("light", "en-GB"), ("dark", "es-CO")]:
        watched = Watched(browser, locale, color_scheme=scheme)
        page = watched.page
        for route, path in [(route, path) for route, paths in pages.items() for path in paths] + [("/nowhere", "/nowhere")]:
            if route == "/programs":
                watched.enter()
            answer = page.goto(path)
            check(answer.status == (404 if path == "/nowhere" else 200), f"{route} answers", answer.status)
            if page.locator("form[data-rules]").count():
                page.wait_for_selector("form[data-ready]")
            told = violations(page)
            check(told == [], f"axe finds nothing on {path} ({scheme})", "\n".join(told))
            if screenshots:
                for width in [1280, 390]:
                    page.set_viewport_size({"width": width, "height": 800})
                    name = path.strip("/").replace("/", "-") if "{" not in route or "{name}" in route else re.sub(r"[{}]", "", route.strip("/").replace("/", "-"))
                    page.screenshot(path=f"{screenshots}/{name}-{scheme}-{width}.png", full_page=True)
            page.set_viewport_size({"width": 390, "height": 800})
            check(page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} fits a phone ({scheme})")
            page.set_viewport_size({"width": 1280, "height": 800})
        watched.end(f"every page ({scheme})")
    copy_by_form(browser, writing)


def import_image(name, path):
    """Makes `NAME:1` mean the image of an archive; answers what the import did."""
    sent = api.post(f"{server}/api/v1/uploads", data=path.read_bytes(), headers={
        "Tus-Resumable": "1.0.0", "Upload-Length": str(path.stat().st_size), "Content-Type": "application/offset+octet-stream"})
    image = api.post(f"{server}/api/v1/rootfs", json={"name": name, "upload": sent.headers["location"].split("/")[-1], "alias": f"{name}:1"})
    check(image.status_code == 202, "there is an image to show", image.text)
    end = time.monotonic() + 60
    while api.get(f"{server}{image.headers['location']}").json()["state"] == "processing":
        check_time(end, "an image")
        time.sleep(0.01)
    return image


def running(manifest, script):
    """A job that runs until somebody ends it."""
    publish(manifest, script)
    job = api.post(f"{server}/api/v1/programs/{manifest['name']}/jobs", json={}).json()["id"]
    end = time.monotonic() + 60
    while api.get(f"{server}/api/v1/jobs/{job}").json()["state"] != "running":
        check_time(end, "a job that runs")
        time.sleep(0.01)
    return job


def copy_by_form(browser, job):
    """An image of a running job's files, without scripts; the job ends behind it."""
    watched = Watched(browser, java_script_enabled=False).enter()
    page = watched.page
    page.goto(f"/jobs/{job}")
    page.get_by_role("link", name="Copy into an image").click()
    page.fill("#name", "a copy")
    page.check("#then")
    page.click("main form button.primary")
    page.wait_for_url(re.compile(".*/images/[0-9a-z]{20}$"))
    expect(page.locator(".state.big")).to_have_text("available", timeout=60_000)
    page.goto(f"/jobs/{job}")
    expect(page.locator(".state.big")).to_have_text("finished", timeout=60_000)
    expect(page.get_by_role("link", name="a copy")).to_be_visible()
    watched.end("a copy of a job")


with sync_playwright() as playwright:
    chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium")
    key = sign_in()
    rules(chromium)
    form(chromium)
    blocks(chromium)
    favourites(chromium)
    sweeps(chromium)
    keyboard(chromium)
    snippets(chromium, key)
    results(chromium)
    live(chromium)
    images.images(chromium, sys.modules[__name__])
    every_page(chromium)
    chromium.close()
print("all is right")
