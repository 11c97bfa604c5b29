"""Go through the clinic in Chromium: every network is called the same, then rightly."""

from browser_players import press, wait

ROOT = "document.querySelector('.ew-clinic')"
PAGE = "known-answers/05-clinic"


async def check(tab, base: str) -> None:
    """Play twice with the keyboard; raise AssertionError with what went wrong."""
    await tab.call(
        "Page.addScriptToEvaluateOnNewDocument",
        source="addEventListener('DOMContentLoaded', () => {"
        "const data = document.querySelector('.ew-clinic script'); if (data)"
        "window.clinic = JSON.parse(data.textContent); }, { capture: true });",
    )
    await tab.open("about:blank")
    await tab.open(f"{base}/{PAGE}.html")
    kinds = await tab.evaluate("clinic.networks.map((one) => one.kind)")
    choices = ["healthy", *(await tab.evaluate("Object.keys(clinic.kinds)"))]
    assert await tab.evaluate(f"{ROOT}.querySelectorAll('audio').length") == 2, "words to hear"
    for guesses, score in ((["healthy"] * len(kinds), "0.00"), (kinds, "1.00")):
        await tab.evaluate(f"[...{ROOT}.querySelectorAll('button')].at(-1).click()")
        for number, guess in enumerate(guesses, start=1):
            asked = f"{ROOT}.querySelector('h3')?.textContent.startsWith('Network {number} of')"
            await wait(tab, asked, f"network {number}")
            await press(tab, str(choices.index(guess) + 1))
        said = await tab.evaluate(f"{ROOT}.textContent")
        assert f"Informedness {score}" in said, said
        rows = await tab.evaluate(f"{ROOT}.querySelectorAll('tbody tr').length")
        assert rows == len(kinds), "a row for each network"
