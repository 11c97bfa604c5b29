"""Read the book in Chromium as somebody does who was sent a link: the first sound, the game to its
end, the scoreboard with a filter that a reload keeps, at a desk and on a phone, light and dark.
"""

from browser_players import press, wait

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
    for form in ("desktop", "phone"):
        for mode in ("light", "dark"):
            await look(tab, form, mode)
            await hears_the_first_sound(tab, base)
            await finds_a_claim(tab, base)
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
