"""Take the listening study in Chromium from its first page to its last: answer, save, erase, load
back.
"""

import csv
import json
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from browser_players import press, wait

from earwitness_book.chapters import listening_study

PAGE = "audible-explanations/study"
DAMAGED = [
    "{",
    "[]",
    '"x"',
    '{"code": 7, "answers": []}',
    '{"code": "0a1b2c3d"}',
    '{"code": "0a1b2c3d", "answers": {}}',
    '{"code": "0a1b2c3d", "answers": [null]}',
    '{"code": "0a1b2c3d", "answers": [{"item": "gone"}]}',
]


def at(number: int, of: int) -> str:
    """Return a script that is true while an item waits for its answer."""
    return f"document.querySelector('.ew-study-place')?.textContent.includes(' {number} of {of}')"


async def check(tab, base: str, picture=None) -> None:
    """Answer all items with the keyboard and check the file that comes out; raise AssertionError if
    it is wrong.

    Parameters
    ----------
    tab : Tab
    base : str
        Address of the built site.
    picture : coroutine function, optional
        Called with a name at the welcome, at a sound, at a picture and at the end.
    """
    with TemporaryDirectory() as folder:
        await tab.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=folder)
        await tab.call(
            "Page.addScriptToEvaluateOnNewDocument",
            source="window.confirm = () => true;"
            "addEventListener('DOMContentLoaded', () => {"
            "const data = document.querySelector('.ew-study script'); if (data)"
            "window.study = JSON.parse(data.textContent); }, { capture: true });",
        )
        await tab.open(f"{base}/{PAGE}.html")
        await tab.evaluate("localStorage.clear()")
        await tab.open(f"{base}/{PAGE}.html")
        for kept in DAMAGED:  # a store that anybody can edit
            await tab.evaluate(
                f"localStorage.setItem('earwitness-study-' + study.id, {json.dumps(kept)})"
            )
            await tab.open(f"{base}/{PAGE}.html")
            await wait(
                tab,
                "document.querySelector('.ew-study input[type=file]')",
                f"the beginning with {kept}",
            )
        await tab.evaluate("localStorage.clear()")
        await tab.open(f"{base}/{PAGE}.html")
        seen = set()
        if picture:
            await picture("welcome")
        whole = await tab.evaluate(
            "window.study && { id: study.id, items: study.items.map("
            "({ item, spoken, predicted, rank }) => ({ item, spoken, predicted, rank })) }"
        )
        assert whole, "the page holds no study"
        n_items = len(whole["items"])
        asks = await tab.evaluate(
            "[...document.querySelectorAll('.ew-study button')].at(-1).disabled"
        )
        assert asks, "the study starts without consent"
        await tab.evaluate(
            "document.querySelector('.ew-study input[type=checkbox]').click();"
            "[...document.querySelectorAll('.ew-study button')].at(-1).click()"
        )
        for number in range(n_items):
            await wait(tab, at(number + 1, n_items), f"item {number + 1}")
            text = await tab.evaluate("document.querySelector('.ew-study').textContent")
            assert "network predicted" not in text and "Spoken was" not in text, (
                "an answer is shown before the end"
            )
            heard = "listen" in await tab.evaluate(
                "document.querySelector('.ew-study-place').textContent"
            )
            if heard:
                await press(tab, str(number % 10))
                assert await tab.evaluate(
                    "document.querySelector('.ew-study :checked') === null"
                ), "answered unheard"
                await press(tab, " ")
                await wait(
                    tab, "!document.querySelector('.ew-study-digits').disabled", "the sound plays"
                )
            else:
                await wait(
                    tab,
                    "document.querySelector('.ew-study-picture').naturalWidth > 100",
                    "the picture",
                )
            if picture and heard not in seen:
                await picture("sound" if heard else "picture")
            seen.add(heard)
            if number == 7:  # a reload in the middle loses nothing
                await tab.open(f"{base}/{PAGE}.html")
                await wait(tab, at(8, n_items), "going on after a reload")
                if heard:
                    await press(tab, " ")
                    await wait(
                        tab,
                        "!document.querySelector('.ew-study-digits').disabled",
                        "the sound plays again",
                    )
            if number == 4:
                await tab.evaluate(
                    "[...document.querySelectorAll('.ew-study-plain')][0].click()"
                )  # skipped
                continue
            await press(tab, str(number % 10))
            await wait(tab, "document.querySelector('.ew-study :checked')", "the digit key")
            await press(tab, "Enter")
        await wait(
            tab,
            "document.querySelector('.ew-study').textContent.includes('Done, thank you')",
            "the end",
        )
        if picture:
            await picture("end")
        text = await saved(tab, folder)
        await looks_back(tab, text)
        _content(text, whole, n_items)
        await tab.evaluate(
            "[...document.querySelectorAll('.ew-study-plain')].at(-1).click()"
        )  # erase
        await wait(
            tab,
            "document.querySelector('.ew-study input[type=file]')",
            "the beginning after erasing",
        )
        assert await tab.evaluate(
            "localStorage.length"
        ) == 0 or "earwitness-study" not in await tab.evaluate(
            "Object.keys(localStorage).join()"
        ), "erasing leaves answers behind"
        await load(tab, text.replace(",answer,", ",reply,"))
        await wait(
            tab,
            "document.querySelector('.ew-study-told').textContent.includes('it lacks answer')",
            "refusing",
        )
        lines = text.splitlines(keepends=True)
        await load(tab, "".join([*lines[:11]]))  # a part: goes on at the eleventh
        await wait(tab, at(11, n_items), "going on")
        await tab.evaluate("[...document.querySelectorAll('.ew-study-plain')].at(-1).click()")
        await wait(
            tab, "document.querySelector('.ew-study input[type=file]')", "the beginning again"
        )
        await load(tab, text)
        await wait(
            tab,
            "document.querySelector('.ew-study').textContent.includes('Done, thank you')",
            "the loaded end",
        )
        assert await saved(tab, folder) == text, "what is loaded is not what was saved"


async def looks_back(tab, text: str) -> None:
    """Hear an item again, and lay the answers of a class beside one's own."""
    bars = await tab.evaluate("document.querySelectorAll('.ew-after-bar').length")
    own = await tab.evaluate("document.querySelector('.ew-after-bars').innerText")
    assert bars == 4 and "2nd" in own, own
    await tab.evaluate("document.querySelector('.ew-study details summary').click()")
    audios = "[...document.querySelectorAll('.ew-study details[open] audio')]"
    await wait(tab, f"{audios}.filter((one) => one.duration > 0).length === 2", "an item again")
    code = next(csv.DictReader(StringIO(text)))["participant"]
    others = [text.replace(code, other) for other in ("0a1b2c3d", "0a1b2c3e")]
    await load(tab, *others, others[0], text.replace(",answer,", ",reply,"))
    words = "document.querySelector('.ew-study').textContent"
    await wait(tab, f"{words}.includes('3 people')", "the answers of a class")
    said = await tab.evaluate(words)
    n_answers = 3 * len(listening_study.read_answers([text]))
    assert f"{n_answers} answers" in said and "here already" in said and "it lacks answer" in said


def _content(text: str, whole: dict, n_items: int) -> None:
    rows = list(csv.DictReader(StringIO(text)))
    assert list(rows[0]) == list(listening_study.COLUMNS) and len(rows) == n_items
    assert [row["answer"] for row in rows] == [
        "" if n == 4 else str(n % 10) for n in range(n_items)
    ]
    assert [int(row["position"]) for row in rows] == list(range(1, n_items + 1))
    code, known = rows[0]["participant"], {item["item"]: item for item in whole["items"]}
    plan = listening_study.formats(n_items, int(code, 16) % 4)
    for row in rows:
        item = known[row["item"]]
        assert (
            row["study"] == whole["id"]
            and row["participant"] == code
            and float(row["seconds"]) >= 0
        )
        assert (int(row["spoken"]), int(row["predicted"])) == (item["spoken"], item["predicted"])
        assert row["format"] == plan[item["rank"]], "the page and the analysis disagree on the plan"
    assert len(listening_study.read_answers([text])) == n_items - 1


async def saved(tab, folder: str) -> str:
    """Press the button that saves, wait for the file, take it away and return what stood in it."""
    await tab.evaluate(
        "[...document.querySelectorAll('.ew-study-button')].find("
        "(button) => button.textContent.startsWith('Save')).click()"
    )
    for _ in range(100):
        for path in Path(folder).glob("*.csv"):
            text = path.read_bytes().decode()
            path.unlink()
            return text
        await tab.evaluate("new Promise((done) => setTimeout(done, 50))")
    raise AssertionError("no file was saved")


async def load(tab, *texts: str) -> None:
    """Hand files to the page as a person's choice would."""
    await tab.evaluate(f"""(() => {{
        const files = new DataTransfer();
        const field = document.querySelector('.ew-study input[type=file]');
        for (const text of {json.dumps(texts)})
            files.items.add(new File([text], 'answers.csv', {{ type: 'text/csv' }}));
        field.files = files.files;
        field.dispatchEvent(new Event('change'));
    }})()""")
