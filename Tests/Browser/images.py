"""Pages of images, in Chromium: one is imported with scripts and without, named by the keyboard, used, retired; and what is refused is told.

`tools` has what the other checks use: Watched, check, expect, see_progress, violations, publish, work.
"""

import io
import re
import tarfile
import urllib.parse


def archive(path, extra=b""):
    """A file system of a few files; one of them sets its user's id, which no image keeps."""
    with tarfile.open(path, "w") as tar:
        for name, mode, content in [("etc/passwd", 0o644, b"root:x:0:0::/:/bin/sh\n"), ("bin/sh", 0o755, b"no shell"), ("usr/bin/tool", 0o4755, b"#!/bin/sh\n" + extra)]:
            entry = tarfile.TarInfo(name)
            entry.mode, entry.size = mode, len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def shell(path):
    """A file system in which scripts run: busybox, which is one file."""
    with tarfile.open(path, "w") as tar:
        tar.add("/bin/busybox", "bin/busybox", filter=plain)
        for name in ["sh", "sleep"]:
            entry = tarfile.TarInfo(f"bin/{name}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(entry)
    return path


def plain(entry):
    entry.mode, entry.uid, entry.gid = 0o755, 0, 0
    return entry


WORDS = {
    "en-GB": {"import": "Import an image", "there": "available", "give": "Give the name", "off": "Disable", "gone": "being removed",
              "refused": "cannot be removed while names lead to it", "rule": "neither host nor a digest", "away": "Take away"},
    "es-CO": {"import": "Importar una imagen", "there": "disponible", "give": "Dar el nombre", "off": "Desactivar", "gone": "eliminándose",
              "refused": "No se puede eliminar mientras", "rule": "ni host ni una huella", "away": "Quitar"},
}


def images(browser, tools):
    check, expect = tools.check, tools.expect
    archive(tools.work / "image.tar", bytes(3_000_000))
    for locale, words in WORDS.items():
        for scripts in [True, False]:
            what = f"{locale}, {'with' if scripts else 'without'} scripts"
            watched = tools.Watched(browser, locale, java_script_enabled=scripts)
            page = watched.enter().page
            page.goto("/images")
            page.get_by_role("link", name=words["import"]).click()
            page.fill("#name", "tool")
            page.fill("#alias", "host")
            page.set_input_files("#archive", str(tools.work / "image.tar"))
            if scripts:
                page.wait_for_selector("form[data-ready]")
                tools.see_progress(watched, "form[data-upload]", f"an import ({what})")
            else:
                page.click("main form button.primary")
            expect(page.locator("[role=alert]")).to_contain_text(words["rule"])
            if scripts:
                page.wait_for_selector("form[data-ready]")
                check(page.evaluate("document.querySelector('#archive').files[0]?.name") == "image.tar", f"a file stays chosen ({what})")
            else:
                page.set_input_files("#archive", str(tools.work / "image.tar"))
            page.fill("#alias", "")
            page.click("main form button.primary")
            page.wait_for_url(re.compile(".*/images/[0-9a-z]{20}$"))
            path = urllib.parse.urlsplit(page.url).path
            # Loaded again, or kept current, until it is there.
            expect(page.locator(".state.big")).to_have_text(words["there"])
            expect(page.locator("[data-live]")).to_have_count(0)
            expect(page.locator("details")).to_have_count(1)
            # Axe itself is a script.
            if scripts:
                told = tools.violations(page)
                check(told == [], f"axe finds nothing on an image's page ({what})", told)

            # By the keyboard alone.
            page.locator("#alias").focus()
            page.keyboard.type("chromium-tool:1")
            page.keyboard.press("Tab")
            page.keyboard.press("Enter")
            expect(page.locator("ul.keys code")).to_have_text(["chromium-tool:1"])
            expect(page.get_by_text(words["refused"])).to_be_visible()
            tools.publish({"name": "in an image", "inputs": [], "rootfs": "chromium-tool:1"})
            page.goto("/programs/in-an-image")
            page.get_by_role("link", name="chromium-tool:1").click()
            expect(page.locator("ul.plain")).to_contain_text("in an image")
            page.get_by_role("button", name=words["off"]).click()
            page.goto("/programs/in-an-image")
            expect(page.locator(".facts .bad")).to_be_visible()
            page.goto("/images")
            if scripts:
                told = tools.violations(page)
                check(told == [], f"axe finds nothing on the list of images ({what})", told)
            page.get_by_role("button", name=f"{words['away']} chromium-tool:1").click()
            expect(page.get_by_role("button", name=f"{words['away']} chromium-tool:1")).to_have_count(0)
            page.goto(path)
            page.locator(f"form[action='{path}/remove'] button").click()
            expect(page.locator(".state.big")).to_have_text(words["gone"])
            check(True, f"an image is imported, named, used, disabled and retired ({what})")
            watched.end(f"images ({what})")
