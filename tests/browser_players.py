"""Press the players' keys in Chromium: they play, switch at the same position without a gap, and
say what they do.

A page of its own, made of ``audition.compare`` and the site's scripts, so that any state of the
book can be checked.
"""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import numpy as np

from earwitness import audition
from earwitness_book import project
from earwitness_book.runner.server import server

RATE, SECONDS = 8000, 2.0
KEYS = {
    " ": ("Space", 32),
    "ArrowRight": ("ArrowRight", 39),
    "Home": ("Home", 36),
    "Enter": ("Enter", 13),
}
# What leaves the loudspeakers, block by block: the smallest level around a switch tells whether
# there was a gap.
LISTEN = """(() => {
  const connect = AudioNode.prototype.connect, levels = window.levels = [];
  AudioNode.prototype.connect = function (target, ...rest) {
    if (target !== this.context.destination || this.ears)
      return connect.call(this, target, ...rest);
    const context = this.context;
    if (!context.ears) {
      context.ears = context.createScriptProcessor(256, 1, 1);
      context.ears.ears = true;
      context.ears.onaudioprocess = ({ inputBuffer }) => {
        const heard = inputBuffer.getChannelData(0);
        levels.push(Math.sqrt(heard.reduce((sum, x) => sum + x * x, 0) / heard.length));
      };
      connect.call(context.ears, context.destination);
    }
    return connect.call(this, context.ears, ...rest);
  };
})()"""


def page(before: str = "") -> str:
    """Return a page with one comparison of two tones, one as spectrograms, and two single players.

    ``before`` stands before the players' script, for instance another script.
    """
    seconds = np.arange(int(RATE * SECONDS)) / RATE
    tone, high = (0.3 * np.sin(2 * np.pi * hertz * seconds) for hertz in (437, 1313))
    parts = [
        audition.compare([(tone, RATE, "low"), (high, RATE, "high")], label="Two tones"),
        audition.compare(
            [(tone, RATE, "low"), (0.1 * high, RATE, "high")],
            label="The same",
            picture="spectrogram",
        ),
        audition.players([(tone[:4000], RATE, "half a second"), (high, RATE, "two seconds")]),
    ]
    body = "".join(part._repr_html_() for part in parts)
    return (
        '<!doctype html><html lang="en" data-theme="light"><meta '
        'charset="utf-8"><title>Players</title>'
        f'<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        f'<link rel="stylesheet" href="_static/earwitness.css">{before}<script '
        'src="_static/player.js"></script>'
        f'<body class="bd-content">{body}</body></html>'
    )


async def press(tab, key: str) -> None:
    """Press and release a key, as a person does."""
    code, number = KEYS.get(key, (f"Digit{key}", ord(key[0])))
    text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
    about = {"key": key, "code": code, "windowsVirtualKeyCode": number}
    await tab.call("Input.dispatchKeyEvent", type="keyDown", **about, **text)
    await tab.call("Input.dispatchKeyEvent", type="keyUp", **about)


async def wait(tab, script: str, what: str) -> None:
    """Wait until a script is true, five seconds at most."""
    said = await tab.evaluate(f"""(async () => {{ for (let i = 0; i < 250; i++) {{
        if ({script}) return true;
        await new Promise((done) => setTimeout(done, 20)); }} return false; }})()""")
    if not said:
        raise AssertionError(f"waited in vain: {what}")


async def check(tab, base: str) -> None:
    """Play, switch, seek and pause with the keyboard; raise AssertionError with what went wrong."""
    ears = await tab.call("Page.addScriptToEvaluateOnNewDocument", source=LISTEN)
    await tab.open(f"{base}/players.html")
    await tab.call("Page.removeScriptToEvaluateOnNewDocument", **ears)
    await wait(tab, "document.querySelectorAll('.ew-deck').length === 4", "four decks")
    await tab.evaluate(
        "deck = document.querySelector('.ew-compare').deck; "
        "document.querySelector('.ew-wave').focus(); at = () => deck.currentTime; 0"
    )
    await press(tab, " ")
    await wait(tab, "!deck.paused && at() > 0.1", "playing after the space bar")
    moved = await tab.evaluate("""(async () => {
        const from = at(), clock = performance.now();
        await new Promise((done) => setTimeout(done, 300));
        return (at() - from) / (performance.now() - clock) * 1000;
    })()""")
    assert abs(moved - 1) < 0.15, f"a second of sound takes {1 / moved:.2f} s"
    await wait(tab, "at() > 0.5", "half a second")
    await tab.evaluate("before = at(); levels.length = 0; deck.choose(1); jump = at() - before")
    jump = await tab.evaluate("jump")
    assert abs(jump) < 0.03, f"switching moves the position by {1000 * jump:.0f} ms"
    await press(tab, "1")
    await wait(tab, "deck.chosen === 0", "the digit 1")
    await press(tab, "2")
    await wait(
        tab,
        "deck.chosen === 1 && document.querySelectorAll('.ew-choice input')[1].checked",
        "the digit 2",
    )
    await tab.evaluate("new Promise((done) => setTimeout(done, 150))")
    low, high = await tab.evaluate("[Math.min(...levels.slice(2)), Math.max(...levels)]")
    assert low > 0.6 * high, f"a gap while switching: level {low:.3f} of {high:.3f}"
    await wait(tab, "at() > 1.5", "the end")
    await wait(tab, "at() < 1 && !deck.paused", "going round")
    await tab.evaluate("deck.currentTime = 1.2")
    jump = await tab.evaluate("new Promise((done) => setTimeout(() => done(at() - 1.3), 100))")
    assert abs(jump) < 0.06, f"a seek while playing is {1000 * jump:.0f} ms off"
    await press(tab, " ")
    await wait(tab, "deck.paused", "pausing")
    await press(tab, "Home")
    assert await tab.evaluate("at()") == 0
    await press(tab, "ArrowRight")
    assert abs(await tab.evaluate("at()") - 0.05 * SECONDS) < 1e-6
    said = await tab.evaluate("document.querySelector('.ew-wave').getAttribute('aria-valuetext')")
    assert said == "0.10 of 2.00 seconds", said
    await tab.evaluate("document.querySelectorAll('.ew-play')[2].focus()")
    await press(tab, "Enter")
    single = "document.querySelectorAll('.ew-players .ew-player')[4].deck"
    await wait(tab, f"!{single}.paused", "the single player")
    await wait(tab, f"{single}.ended", "its end")
    await press(tab, "Enter")
    await wait(tab, f"!{single}.paused && {single}.currentTime < 0.4", "playing it again")
    await tab.evaluate("document.querySelectorAll('.ew-play')[3].focus()")
    await press(tab, "Enter")
    await wait(tab, f"{single}.paused", "the first falls silent when another plays")
    await tab.evaluate("document.querySelectorAll('.ew-play')[3].click()")
    ids = await tab.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids)), ids
    await tab.open(f"{base}/beside-require.html")  # as on pages with widgets
    await wait(
        tab, "document.querySelectorAll('.ew-deck').length === 4", "four decks beside require.js"
    )
    await tab.call("Emulation.setScriptExecutionDisabled", value=True)
    await tab.open(f"{base}/players.html")
    await tab.call("Emulation.setScriptExecutionDisabled", value=False)
    native = await tab.evaluate(
        "[...document.querySelectorAll('audio')].filter((a) => a.checkVisibility()).length"
    )
    assert native == 6, f"{native} of 6 native players without scripts"


class Served:
    """The page on an address of this machine, beside the book's scripts."""

    def __enter__(self) -> str:
        self.folder = TemporaryDirectory()
        home, book = Path(self.folder.name), project.root() / "book"
        shutil.copytree(book / "_static", home / "_static")
        shutil.copytree(book / "_extra" / "vendor", home / "vendor")
        (home / "players.html").write_text(page(), encoding="utf-8")
        require = '<script src="vendor/widgets/require.js"></script>'
        (home / "beside-require.html").write_text(page(require), encoding="utf-8")
        self.server = server(home, 0)
        Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *_):
        self.server.shutdown()
        self.folder.cleanup()
