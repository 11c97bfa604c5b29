"""Read the book in Chromium as somebody does who was sent a link: the first sound, the game to its
end, the scoreboard with a filter that a reload keeps, at a desk and on a phone, light and dark.
"""

import base64
import json

import numpy as np
from browser_players import press, wait

from earwitness.audition.player import Player
from earwitness_book.chapters import explorer

ROOT = "document.querySelector('.ew-net')"
EXPLORED = "audible-explanations"  # the chapter whose maps are explored
PICTURE = f"{ROOT}.querySelector('canvas').toDataURL()"
PLAY = "document.querySelector('.ew-opening .ew-play')"
DECK = "document.querySelector('.ew-opening .ew-compare').deck"
SHOWN = "[...document.querySelectorAll('.ew-claim')].filter((claim) => !claim.hidden).length"
CUT = """[...document.querySelectorAll('table.ew-records, table.ew-scoreboard')]
  .flatMap((table) => [...table.querySelectorAll('th, td')]).filter((cell) => {
    const box = cell.getBoundingClientRect();
    return box.width > 2 && (box.right > innerWidth + 1 || box.left < -1);
  }).length"""


async def check(tab, base: str) -> None:
    """Walk the site; raise AssertionError at the first thing that a reader would miss."""
    for form, mode in (("desktop", "light"), ("phone", "dark")):
        await look(tab, form, mode)
        await hears_the_first_sound(tab, base)
        await finds_a_claim(tab, base)
        await covers(tab, f"{base}/cover-it-up.html")
        # what a network says depends on no form: on a phone it is asked once, to see that it fits
        await (speaks if form == "desktop" else hears_a_clip)(tab, f"{base}/your-voice.html")
        await explores(tab, f"{base}/{EXPLORED}/intro.html")
    await spots(tab, f"{base}/spot-the-untrained.html")


async def look(tab, form: str, mode: str) -> None:
    """Sit at a desk or hold a phone, by day or by night."""
    await tab.resize(form, 900 if form == "desktop" else 844)
    scheme = {"name": "prefers-color-scheme", "value": mode}
    await tab.call("Emulation.setEmulatedMedia", features=[scheme])


async def hears_the_first_sound(tab, base: str) -> None:
    """Play the first clip without scrolling, and switch it to the untrained network's."""
    await tab.open(f"{base}/index.html")
    await wait(tab, f"!!{PLAY}", "the first player")
    where = await tab.evaluate(f"[{PLAY}.getBoundingClientRect().bottom, innerHeight, scrollY]")
    assert where[0] < where[1] and where[2] == 0, f"the first sound is off the screen: {where}"
    assert await tab.evaluate("document.querySelector('.ew-opening img').naturalWidth") > 0
    await tab.evaluate(f"{PLAY}.closest('.ew-deck').querySelector('.ew-wave').focus()")
    await press(tab, " ")  # a browser plays only what a person asks for
    await wait(tab, f"!{DECK}.paused", "the first sound")
    await tab.evaluate("document.querySelectorAll('.ew-opening input[type=radio]')[2].click()")
    assert await tab.evaluate(f"{DECK}.chosen") == 2, "the player does not switch"
    await tab.evaluate(f"{PLAY}.click()")


async def finds_a_claim(tab, base: str) -> None:
    """Filter the scoreboard in a person's words; a reload keeps it, and no column is cut off."""
    await tab.open("about:blank")
    await tab.open(f"{base}/scoreboard.html")
    everything = await tab.evaluate(SHOWN)
    await tab.evaluate(
        "(() => { const field = document.querySelector('.ew-filter [name=find]');"
        "field.value = 'pitch'; field.dispatchEvent(new Event('input', { bubbles: true })); })()"
    )
    found = await tab.evaluate(SHOWN)
    address = await tab.evaluate("location.href")
    await tab.open("about:blank")
    await tab.open(address)
    again = await tab.evaluate(SHOWN)
    assert 0 < found < everything and found == again, f"filter: {everything}, {found}, {again}"
    assert await tab.evaluate("document.querySelector('.ew-filter [name=find]').value") == "pitch"
    assert await tab.evaluate(CUT) == 0, "columns of the scoreboard are cut off"
    marks = await tab.evaluate("document.querySelectorAll('.ew-picture dd a').length")
    assert marks > 0, "the scoreboard has no picture"


async def spots(tab, address: str) -> None:
    """Play the game twice with the keyboard: all right, then all wrong."""
    await tab.call(
        "Page.addScriptToEvaluateOnNewDocument",
        source="addEventListener('DOMContentLoaded', () => {"
        "const data = document.querySelector('.ew-spot script'); if (data)"
        "window.game = JSON.parse(data.textContent); }, { capture: true });",
    )
    await tab.open("about:blank")
    await tab.open(address)
    rounds = await tab.evaluate("game.rounds.length")
    for right in (True, False):
        await tab.evaluate("document.querySelector('.ew-spot > button').click()")
        await play(tab, rounds, right)
        said = await tab.evaluate("document.querySelector('.ew-spot').textContent")
        assert f"{rounds if right else 0} of {rounds} right" in said, said
        assert ("You can tell" in said) == (right and 0.5**rounds < 0.05), said


async def play(tab, rounds: int, right: bool) -> None:
    """Guess every pair, always rightly or always wrongly."""
    for number in range(rounds):
        asked = (
            f"document.querySelector('.ew-spot h3').textContent.startsWith('Pair {number + 1} ')"
        )
        await wait(tab, asked, f"pair {number + 1}")
        untrained = await tab.evaluate(f"game.rounds[{number}].untrained")
        await press(tab, str((untrained if right else 1 - untrained) + 1))
        told = await tab.evaluate("document.querySelector('.ew-spot-told').textContent")
        assert told.startswith("Right" if right else "Wrong"), told
        await tab.evaluate("document.querySelector('.ew-spot-next').click()")


async def started(tab, address: str) -> None:
    """Open a page with a network and start it; it loads nothing of it before."""
    await tab.open("about:blank")
    await tab.open(address)
    assert await tab.evaluate("document.querySelectorAll('script[src*=engine]').length") == 0
    await tab.evaluate(f"{ROOT}.querySelector('button').click()")
    await wait(tab, f"['ready', 'done'].includes({ROOT}.dataset.state)", "the network")


async def settled(tab) -> None:
    """Wait until a network has said all it has to say, a minute at most."""
    said = await tab.evaluate(f"""(async () => {{ for (let i = 0; i < 600; i++) {{
        await new Promise((done) => setTimeout(done, 100));
        if ({ROOT}.dataset.state === 'done') return true; }}
        return false; }})()""")
    assert said, "the network does not come to an end"
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await tab.evaluate(wide) <= 1, "the page is wider than its window"


async def choose(tab, label: str, value: str | int) -> None:
    """Choose an option of a list by its label."""
    list_ = f"{ROOT}.querySelector('select[aria-label=\"{label}\"]')"
    await tab.evaluate(f"""(() => {{ const list = {list_};
        list.value = '{value}'; list.dispatchEvent(new Event('change')); }})()""")
    await settled(tab)


async def click(tab, words: str) -> None:
    """Click the button with these words."""
    await tab.evaluate(
        f"[...{ROOT}.querySelectorAll('button')].find((b) => b.textContent === '{words}').click()"
    )


async def covers(tab, address: str) -> None:
    """Cover a part of a sentence by numbers, another by dragging, and uncover both."""
    await started(tab, address)
    await choose(tab, "A clip of this page", 0)
    whole = await tab.evaluate(f"{ROOT}.querySelector('h3').textContent")
    assert whole.startswith("Whole: ") and float(whole.removeprefix("Whole: ")) > 3, whole
    await choose(tab, "How to cover", "gap")
    await click(tab, "Cover")
    await settled(tab)
    gap = await tab.evaluate(f"{ROOT}.querySelector('h3').textContent")
    assert "worse than whole" in gap, gap
    box = await tab.evaluate(f"""(() => {{ const canvas = {ROOT}.querySelector('canvas');
        canvas.scrollIntoView({{ block: 'center' }}); const b = canvas.getBoundingClientRect();
        return [b.left, b.top, b.width, b.height]; }})()""")
    for kind, part in (("mousePressed", 0.5), ("mouseMoved", 0.6), ("mouseReleased", 0.7)):
        x, y = box[0] + part * box[2], box[1] + part * box[3]
        mouse = {"type": kind, "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1}
        await tab.call("Input.dispatchMouseEvent", **mouse)
    await settled(tab)
    both = await tab.evaluate(f"{ROOT}.querySelector('canvas').ariaLabel")
    assert "2 parts are covered" in both, both
    await click(tab, "Uncover all")
    await settled(tab)
    assert await tab.evaluate(f"{ROOT}.querySelector('h3').textContent") == whole


async def speaks(tab, address: str) -> None:
    """Let the network hear clips, ask it for other reasons, and look at an untrained one."""
    await started(tab, address)
    for number in (1, 5):
        await choose(tab, "A clip of this page", number)
        clip = f"EarwitnessData['own-voice'].clips[{number}].words"
        word = (await tab.evaluate(clip)).split(",")[0]
        heard = await tab.evaluate(f"{ROOT}.querySelector('h3').textContent")
        assert f"“{word}”" in heard, f"the network heard {heard} for {word}"
    shares = f"[...{ROOT}.querySelectorAll('.ew-net-bar')].map((b) => parseFloat(b.style.width))"
    assert abs(await tab.evaluate(f"{shares}.reduce((a, b) => a + b)") - 100) < 0.1
    told = await tab.evaluate(f"{ROOT}.querySelector('.ew-net-flipping').textContent")
    assert "With the tenth of all points" in told, told
    first = await tab.evaluate(PICTURE)
    await tab.evaluate(f"{ROOT}.querySelectorAll('[name=ew-net-view]')[3].focus()")
    await press(tab, "4")
    assert await tab.evaluate(f"{ROOT}.querySelectorAll('[name=ew-net-view]')[3].checked")
    against = await tab.evaluate(PICTURE)
    await tab.evaluate(f"{ROOT}.querySelectorAll('[name=ew-net-network]')[1].click()")
    await settled(tab)
    assert len({first, against, await tab.evaluate(PICTURE)}) == 3, "a map does not change"
    assert "untrained" in await tab.evaluate(f"{ROOT}.querySelector('h3').textContent")
    await click(tab, "Play")
    await wait(tab, f"{ROOT}.innerText.includes('Stop')", "the sound of what spoke for it")
    tone = Player(np.sin(np.arange(12_000) / 3) * 0.2, 16_000, "").wav()
    await opens(tab, "tone.wav", tone)
    await settled(tab)
    said = await tab.evaluate(f"{ROOT}.querySelector('.ew-net-said').textContent")
    assert said.startswith("The file tone.wav: 0.75 s"), said
    await opens(tab, "words.txt", b"no sound")
    refused = f"{ROOT}.querySelector('.ew-net-said').textContent.includes('is no sound')"
    await wait(tab, refused, "refusing a file that is no sound")
    await tab.evaluate(f"{ROOT}.dataset.state = 'asked'")
    await click(tab, "Record (2 s)")
    await settled(tab)
    said = await tab.evaluate(f"{ROOT}.querySelector('.ew-net-said').textContent")
    assert said.startswith("Your recording: its loudest second"), said


async def hears_a_clip(tab, address: str) -> None:
    """Let the network hear a clip and draw why."""
    await started(tab, address)
    empty = await tab.evaluate(PICTURE)
    await choose(tab, "A clip of this page", 1)
    assert await tab.evaluate(PICTURE) != empty, "no map is drawn"


async def opens(tab, name: str, content: bytes) -> None:
    """Hand a file to a network as a person's choice would."""
    packed = base64.b64encode(content).decode()
    await tab.evaluate(f"""(() => {{
        {ROOT}.dataset.state = 'asked';
        const field = {ROOT}.querySelector('input[type=file]'), files = new DataTransfer();
        const bytes = Uint8Array.from(atob('{packed}'), (sign) => sign.charCodeAt(0));
        files.items.add(new File([bytes], '{name}'));
        field.files = files.files;
        field.dispatchEvent(new Event('change'));
    }})()""")


async def explores(tab, address: str) -> None:
    """Ask for every kind of map of a chapter; picture, words and sounds change together."""
    await started(tab, address)
    await settled(tab)
    deck = f"{ROOT}.querySelector('.ew-compare').deck"
    heard = f"[...{deck}.wavs[1]].reduce((sum, byte, k) => (sum * 31 + byte + k) % 1000003, 7)"
    said = f"{ROOT}.querySelector('.ew-net-where').textContent"
    seen = {(await tab.evaluate(PICTURE), await tab.evaluate(heard), await tab.evaluate(said))}
    await choose(tab, "Question", 1)
    seen.add((await tab.evaluate(PICTURE), await tab.evaluate(heard), await tab.evaluate(said)))
    await choose(tab, "Method", 1)
    seen.add((await tab.evaluate(PICTURE), await tab.evaluate(heard), await tab.evaluate(said)))
    await tab.evaluate(f"{ROOT}.querySelectorAll('[type=radio][name^=ew-explore]')[1].click()")
    await settled(tab)
    seen.add((await tab.evaluate(PICTURE), await tab.evaluate(heard), await tab.evaluate(said)))
    for part, what in enumerate(("maps", "sounds", "words")):
        assert len({each[part] for each in seen}) == 4, f"some {what} do not change"
    assert "untrained" in await tab.evaluate(said)
    await tab.evaluate(f"{ROOT}.querySelector('.ew-wave').focus()")
    await press(tab, " ")
    await wait(tab, f"!{deck}.paused", "the clip")
    await press(tab, "2")
    assert await tab.evaluate(f"{deck}.chosen") == 1, "the player does not switch"
    head = f"parseFloat({ROOT}.querySelector('.ew-net-head').style.insetInlineStart)"
    await wait(tab, f"{head} > 5", "the playhead over the map")
    await choose(tab, "Method", 0)
    assert not await tab.evaluate(f"{deck}.paused"), "another map stops the sound"
    await choose(tab, "Clip", 1)
    assert await tab.evaluate(f"{deck}.paused"), "another clip goes on playing"
    await decoded_as_made(tab)


async def decoded_as_made(tab) -> None:
    """A map in the page is the one that Python packed: its largest byte and its red points."""
    name = await tab.evaluate(f"{ROOT}.dataset.name")
    counted = await tab.evaluate(f"""(() => {{ const clip = EarwitnessData['{name}'].clips[0];
        const bytes = Int8Array.from(atob(clip.maps), (sign) => sign.charCodeAt(0));
        return [bytes.length, bytes.filter((b) => b > 0).length,
            bytes.reduce((a, b) => Math.max(a, b))]; }})()""")
    chapter = name.removeprefix("explore-")
    (script,) = explorer.scripts(chapter).values()
    clip = json.loads(script.decode().partition("] = ")[2].rstrip().rstrip(";"))["clips"][0]
    made = np.frombuffer(base64.b64decode(clip["maps"]), np.int8)
    assert counted == [len(made), int((made > 0).sum()), int(made.max())], counted
