"""Look at the built site in Debian's Chromium, network cut: ``make look`` or ``python
tests/browser.py [PROFILE]``.

Every page of the table of contents at desktop and phone width, light and dark: errors on the
console, requests to other hosts, a page wider than its window, images that did not load, formulas
that were not set, players without a duration, what axe finds, and a search that finds nothing;
where a notebook's first section begins, what a page weighs, on how many sheets it is printed. Then
the players are played (:mod:`browser_players`) and the listening study is taken
(:mod:`browser_study`). Screenshots go to ``_build/<profile>/look``. Not part of ``make test``: it
needs a built site and a browser (``apt-get install chromium``).
"""

import asyncio
import base64
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import browser_axe
import browser_clinic
import browser_players
import browser_print
import browser_reader
import browser_report
import browser_study
from tornado.websocket import websocket_connect

from earwitness_book.runner import notebooks, site
from earwitness_book.runner.server import server as make_server

SECTION_PX = 900  # within which a notebook's first section begins, at a desk
PATIENCE_S = 180  # axe reads a long page for a minute where other programs run
MEDIAN_MB = 1.5  # half of the pages are no heavier
PRINTED = {"scoreboard"}  # beside the notebooks
HEAVY_MB = 5  # no page is heavier; uncompressed, with everything that it loads
WIDTHS = {"desktop": 1280, "phone": 360}
ALONE = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--hide-scrollbars",
    "--use-fake-ui-for-media-stream",  # a microphone that everybody may have, and that beeps
    "--use-fake-device-for-media-stream",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
    "about:blank",
]
INSPECT = """(async () => {
  await new Promise((done) => setTimeout(done, 300));
  for (let i = 0; i < 100 && document.querySelector('.math')
      && !document.querySelector('.math .katex'); i++) {
    await new Promise((done) => setTimeout(done, 50));
  }
  const players = [...document.querySelectorAll('audio')];
  await Promise.all(players.map((player) => player.readyState ? 0 : new Promise((done) => {
    player.onloadedmetadata = player.onerror = done;
    player.preload = 'metadata';
    player.load();
    setTimeout(done, 3000);
  })));
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  return {
    wide,
    widest: wide > 1 ? [...document.querySelectorAll('article *')].filter((e) =>
      e.getBoundingClientRect().right > innerWidth + 1)
        .slice(0, 3).map((e) => e.outerHTML.slice(0, 120)) : [],
    images: document.querySelectorAll('article img').length,
    broken: [...document.images].filter((i) => i.loading !== 'lazy' && !i.naturalWidth)
      .map((i) => i.src.slice(0, 80)),
    unset: [...document.querySelectorAll('.math')].filter((m) =>
      !m.querySelector('.katex') || m.querySelector('.katex-error')).length,
    formulas: document.querySelectorAll('.katex').length,
    players: players.length,
    mute: players.filter((player) => !(player.duration > 0)).length,
    widgets: document.querySelectorAll('.jupyter-widgets').length,
    section: [...document.querySelectorAll('article h2')].map((h) =>
      Math.round(h.getBoundingClientRect().top + scrollY))[0] ?? 0,
    weight: performance.getEntries().reduce((sum, each) => sum + (each.decodedBodySize ?? 0), 0),
    cut: %s,
    nan: [...document.querySelectorAll('article :is(td, p, li, .output)')].filter((e) =>
      !e.closest('.cell_input') && /^nan$|: nan|nan:|nan %/i.test(e.innerText.trim())).length,
    filters: [...document.querySelectorAll('article img')]
      .filter((i) => getComputedStyle(i).filter !== 'none').length,
  };
})()""".replace("%s", browser_reader.CUT)
FOUND = (
    "new Promise((done) => setTimeout(() => "
    "done(document.querySelectorAll('#search-results li').length), 2500))"
)


class Tab:
    """A browser tab driven over the DevTools protocol; notes errors and requests as they happen."""

    def __init__(self, socket):
        self.socket, self.number, self.answers = socket, 0, {}
        self.errors: list[str] = []
        self.hosts: set[str] = set()
        self.loaded = asyncio.Event()

    async def listen(self) -> None:
        """Sort what the browser says into answers, errors and requests."""
        while message := await self.socket.read_message():
            said = json.loads(message)
            if "id" in said:
                self.answers.pop(said["id"]).set_result(said)
            else:
                self._notice(said["method"], said["params"])

    def _notice(self, method: str, about: dict) -> None:
        if method == "Page.loadEventFired":
            self.loaded.set()
        elif method == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(about["exceptionDetails"])[:300])
        elif method == "Runtime.consoleAPICalled" and about["type"] == "error":
            self.errors.append(json.dumps(about["args"])[:300])
        elif method == "Log.entryAdded" and about["entry"]["level"] == "error":
            self.errors.append(f"{about['entry']['text']} {about['entry'].get('url', '')}"[:300])
        elif method == "Network.requestWillBeSent":
            self.hosts.add(urlsplit(about["request"]["url"]).hostname or "")

    async def call(self, method: str, **parameters) -> dict:
        """Send a command and return its result."""
        self.number += 1
        answer = self.answers[self.number] = asyncio.get_running_loop().create_future()
        await self.socket.write_message(
            json.dumps({"id": self.number, "method": method, "params": parameters})
        )
        said = await asyncio.wait_for(answer, PATIENCE_S)
        if "error" in said:
            raise RuntimeError(f"{method}: {said['error']}")
        return said["result"]

    async def open(self, address: str) -> None:
        """Go to a page and wait until it is loaded."""
        self.loaded.clear()
        await self.call("Page.navigate", url=address)
        await asyncio.wait_for(self.loaded.wait(), 60)

    async def evaluate(self, script: str):
        """Return the value of a script."""
        said = await self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in said:
            raise RuntimeError(json.dumps(said["exceptionDetails"])[:500])
        return said["result"].get("value")

    async def resize(self, form: str, height: float = 900) -> None:
        """Make the window as wide as a desktop's or a phone's."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=WIDTHS[form],
            height=int(height),
            deviceScaleFactor=1,
            mobile=form == "phone",
        )

    async def picture(self, path: Path, form: str) -> None:
        """Save the whole page as a PNG, in a window as tall as the page."""
        size = (await self.call("Page.getLayoutMetrics"))["cssContentSize"]
        await self.resize(form, min(size["height"], 16000))
        await asyncio.sleep(0.3)
        path.write_bytes(base64.b64decode((await self.call("Page.captureScreenshot"))["data"]))
        await self.resize(form)


async def attach(port: int) -> Tab:
    """Return the browser's one tab, listening."""
    (page,) = [
        tab for tab in json.load(urlopen(f"http://127.0.0.1:{port}/json")) if tab["type"] == "page"
    ]
    tab = Tab(await websocket_connect(page["webSocketDebuggerUrl"], max_message_size=2**30))
    tab.listening = asyncio.ensure_future(tab.listen())
    for domain in ("Page", "Runtime", "Log", "Network"):
        await tab.call(f"{domain}.enable")
    return tab


def problems(seen: dict, tab: Tab) -> list[str]:
    """Return what is wrong with a page, in words."""
    wrong = [f"console: {error}" for error in tab.errors]
    wrong += [f"asks {host}" for host in tab.hosts - {"127.0.0.1", ""}]
    wrong += [f"{seen['wide']} px too wide: {seen['widest']}"] if seen["wide"] > 1 else []
    counts = {
        "broken": "images did not load",
        "unset": "formulas are not set",
        "mute": "players have no sound",
        "filters": "figures are filtered",
        "cut": "cells of claims are cut off",
        "nan": "numbers are none",
    }
    for key, words in counts.items():
        number = len(seen[key]) if isinstance(seen[key], list) else seen[key]
        wrong += [f"{number} {words}"] if number else []
    return wrong


def bounds(seen: dict, name: str, form: str) -> list[str]:
    """Return which bounds a page exceeds: where its first section begins, what it weighs, on how
    many sheets it is printed.
    """
    late = is_notebook(name) and form == "desktop" and seen["section"] > SECTION_PX
    wrong = [f"section 1 begins at {seen['section']} px"] if late else []
    megabytes = seen["weight"] / 1e6
    wrong += [f"weighs {megabytes:.1f} MB"] if megabytes > HEAVY_MB else []
    sheets = seen.get("sheets", 0)
    return wrong + ([f"is printed on {sheets} sheets"] if sheets > browser_print.SHEETS else [])


def is_notebook(name: str) -> bool:
    """Tell whether a page of the site is a notebook that measures."""
    return name in {notebook.page for notebook in site.chapters()}


async def visit(tab: Tab, base: str, name: str, form: str, mode: str, picture: Path | None = None):
    """Open a page of a site, in a window that has this form and mode; return what was seen of it,
    and what is wrong with it. It is printed once.
    """
    tab.errors.clear()
    tab.hosts.clear()
    await tab.open(f"{base}/{name}.html")
    seen = await tab.evaluate(INSPECT)
    if picture:
        await tab.picture(picture, form)
    if (form, mode) == ("desktop", "light") and (is_notebook(name) or name in PRINTED):
        seen["sheets"] = await browser_print.sheets(tab)
    wrong = problems(seen, tab) + bounds(seen, name, form)
    return seen, wrong + await browser_axe.found(tab)


async def look(base: str, port: int, folder: Path) -> int:
    """Visit every page in every form; print a line each; return how many have a problem."""
    tab, bad, weights = await attach(port), 0, []
    await tab.call("Network.setCacheDisabled", cacheDisabled=True)  # else it weighs nothing twice
    for form in WIDTHS:
        await tab.resize(form)
        for mode in ("light", "dark"):
            await tab.call(
                "Emulation.setEmulatedMedia",
                features=[{"name": "prefers-color-scheme", "value": mode}],
            )
            for name in notebooks.toc_pages():
                picture = folder / f"{name.replace('/', '-')}.{form}.{mode}.png"
                seen, wrong = await visit(tab, base, name, form, mode, picture)
                bad += bool(wrong)
                weights.append(seen["weight"] / 1e6)
                counted = {
                    key: seen[key]
                    for key in ("images", "formulas", "players", "widgets", "sheets")
                    if seen.get(key)
                }
                print(
                    f"{'✗' if wrong else '✓'} {name} {form} {mode} {counted or ''} "
                    f"{'; '.join(wrong)}"
                )
    median = statistics.median(weights)
    print(f"{'✓' if median <= MEDIAN_MB else '✗'} the median page weighs {median:.2f} MB")
    bad += median > MEDIAN_MB
    await tab.open(f"{base}/search.html?q=relevance")
    found = await tab.evaluate(FOUND)
    print(f"{'✓' if found else '✗'} search finds {found} pages")
    with browser_players.Served() as players:
        bad += await tried(tab, "players", browser_players.check(tab, players))
    bad += await tried(tab, "report of explain, from the disk", browser_report.check(tab))
    bad += await tried(tab, "a reader", browser_reader.check(tab, base))
    if browser_study.PAGE in notebooks.toc_pages():
        bad += await tried(tab, "listening study", browser_study.check(tab, base))
    if browser_clinic.PAGE in notebooks.toc_pages():
        bad += await tried(tab, "clinic", browser_clinic.check(tab, base))
    tab.listening.cancel()
    return bad + (not found)


async def tried(tab: Tab, what: str, work) -> bool:
    """Do something in the tab, print how it went, and tell whether it went wrong."""
    tab.errors.clear()
    tab.hosts.clear()
    try:
        await work
        wrong = [f"console: {error}" for error in tab.errors]
        wrong += [f"asks {host}" for host in tab.hosts - {"127.0.0.1", ""}]
    except (AssertionError, RuntimeError) as error:
        wrong = [str(error)]
    print(f"{'✗' if wrong else '✓'} {what} {'; '.join(wrong)}")
    return bool(wrong)


def main(profile: str = "demo") -> int:
    """Serve a built site (or read it as files with FILES=1), look at it, and return the number of
    bad pages.
    """
    html, folder = site.folder(profile) / "html", site.folder(profile) / "look"
    if not (html / "index.html").is_file():
        sys.exit(f"There is no site in {html}; build it with: make book PROFILE={profile}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    server = make_server(html, 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = (
        html.resolve().as_uri()
        if os.environ.get("FILES")
        else f"http://127.0.0.1:{server.server_port}"
    )
    return drive(lambda port: look(base, port, folder))


def drive(work):
    """Start Chromium without a network, and return what ``work(port)``, a coroutine, returns."""
    with tempfile.TemporaryDirectory() as home:
        command = ["chromium", f"--user-data-dir={home}", *ALONE]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as browser:
            try:
                said = next(line for line in browser.stderr if "DevTools listening" in line)
                threading.Thread(
                    target=browser.stderr.read, daemon=True
                ).start()  # it blocks when the pipe is full
                return asyncio.run(work(urlsplit(said.split()[-1]).port))
            finally:
                browser.terminate()


if __name__ == "__main__":
    sys.exit(min(main(*sys.argv[1:]), 1))
