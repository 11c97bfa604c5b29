"""Where a notebook of the site opens with a kernel: links to Binder and Colab, for a book whose
repository is known.
"""

import re
from urllib.parse import quote

BINDER, COLAB = "https://mybinder.org/v2", "https://colab.research.google.com/github"
BRANCH = "colab"  # has notebooks/ whose first cells get the book; .github/workflows/site.yml


def links(address: str, commit: str, page: str) -> dict[str, str]:
    """Return addresses at which a notebook opens, by the service's name.

    Parameters
    ----------
    address : str
        Of the repository; empty if nobody has said.
    commit : str
        Which the site was made from; ``"unknown"`` of no checkout.
    page : str
        ``chapter/NN-name``.
    """
    address, commit = address.rstrip("/").removesuffix(".git"), commit.rstrip("+")
    if not address or commit == "unknown":
        return {}
    known = re.fullmatch(r"https://github\.com/([\w.-]+)/([\w.-]+)", address)
    where = f"gh/{known[1]}/{known[2]}" if known else f"git/{quote(address, safe='')}"
    found = {"Binder": f"{BINDER}/{where}/{commit}?urlpath=lab/tree/notebooks/{page}.ipynb"}
    if known:
        found["Colab"] = f"{COLAB}/{known[1]}/{known[2]}/blob/{BRANCH}/notebooks/{page}.ipynb"
    return found


def buttons(found: dict[str, str]) -> dict:
    """Return links as a group of buttons, as sphinx-book-theme draws them in the head of a page."""
    icons = {"Binder": "_static/images/logo_binder.svg", "Colab": "_static/images/logo_colab.png"}
    return {
        "type": "group",
        "tooltip": "Open with a kernel",
        "icon": "fas fa-rocket",
        "label": "launch-buttons",
        "buttons": [
            {"type": "link", "text": name, "tooltip": f"Open on {name}", "icon": icons[name],
             "url": address}
            for name, address in found.items()
        ],
    }  # fmt: skip
