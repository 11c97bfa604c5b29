"""Phone sets: TIMIT's 61, the 48 to train and the 39 to score of Lee and Hon (1989), and who else
maps to them.
"""

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

from earwitness.arguments import checked
from earwitness.errors import check_choice

# Lee and Hon (1989), IEEE Trans. ASSP 37(11), tables I and II: the 39 phones, each with the 48 and
# the 61 in it.
# "sil/cl: pcl tcl kcl" reads: of the 61, pcl, tcl and kcl are the 48's cl, which is the 39's sil. q
# is deleted.
_FOLDING = """
aa/aa: aa | aa/ao: ao | ae/ae: ae | ah/ah: ah | ah/ax: ax ax-h | aw/aw: aw | ay/ay: ay | b/b: b
ch/ch: ch | d/d: d
dh/dh: dh | dx/dx: dx | eh/eh: eh | er/er: er axr | ey/ey: ey | f/f: f | g/g: g | hh/hh: hh hv
ih/ih: ih | ih/ix: ix
iy/iy: iy | jh/jh: jh | k/k: k | l/l: l | l/el: el | m/m: m em | n/n: n nx | n/en: en
ng/ng: ng eng | ow/ow: ow
oy/oy: oy | p/p: p | r/r: r | s/s: s | sh/sh: sh | sh/zh: zh | sil/sil: h# pau | sil/cl: pcl tcl kcl
sil/vcl: bcl dcl gcl | sil/epi: epi | t/t: t | th/th: th | uh/uh: uh | uw/uw: uw ux | v/v: v
w/w: w | y/y: y | z/z: z
"""
_ENTRIES = [re.findall(r"[\w#-]+", entry) for entry in re.split(r"[|\n]", _FOLDING.strip())]
_DELETED = {"q": "", "": ""}
_TO_48 = {phone: p48 for _, p48, *members in _ENTRIES for phone in [*members, p48]} | _DELETED
_TO_39 = {phone: p39 for p39, p48, *members in _ENTRIES for phone in [*members, p48]} | _DELETED

PHONES_61 = sorted([phone for _, _, *members in _ENTRIES for phone in members] + ["q"])
PHONES_48 = sorted({p48 for _, p48, *_ in _ENTRIES})
PHONES_39 = sorted({p39 for p39, *_ in _ENTRIES})

# the vowels of corpora.load("aev") and of voices' hVd words in TIMIT's 61 ("hawed" is ao, which
# folds to aa)
ARPABET_OF_AEV = {
    "ae": "ae",
    "ah": "aa",
    "aw": "ao",
    "eh": "eh",
    "ei": "ey",
    "er": "er",
    "ih": "ih",
    "iy": "iy",
    "oa": "ow",
    "oo": "uh",
    "uh": "ah",
    "uw": "uw",
}

# What eSpeak writes for English, by what the symbol stands for and not by the word: West Midlands'
# "she" ends in ei,
# which is ey. It writes a vowel and the r or schwa that colours it as one phone; the vowel counts.
_IPA = """
aa: ɑː ɑːɹ ɑə aː a: aa ɒ ɔ ɔː ɔːɹ ɔə oə oːɹ | ae: æ a | ah: ʌ ə ɐ | aw: aʊ æʊ ʌʉ
ay: aɪ aɪə aɪɚ | b: b | ch: tʃ
d: d | dh: ð | dx: ɾ | eh: ɛ eə ɛɹ | er: ɜː ɜ ɚ əɹ ʌɹ | ey: eɪ eː ei e | f: f | g: ɡ | hh: h
ih: ɪ ᵻ iə ɪɹ | iy: iː i
jh: dʒ | k: k | l: l əl | m: m | n: n | ng: ŋ | ow: oʊ əʊ əu oː o ʌʊ | oy: ɔɪ oɪ | p: p
r: ɹ r | s: s | sh: ʃ ʒ
t: t t̪ | th: θ | uh: ʊ ʊə ʊɹ | uw: uː ʉː ʉ ʉɹ | v: v | w: w ʍ | y: j ʲ | z: z
"""
IPA = {"": "sil"} | {
    symbol: phone
    for phone, *symbols in (
        entry.replace(":", "", 1).split() for entry in re.split(r"[|\n]", _IPA.strip())
    )
    for symbol in symbols
}


@checked
def fold(phones: Iterable[str], to: int = 39) -> np.ndarray:
    """Fold phones of TIMIT's 61 (or of the 48) into the 48 or the 39.

    Parameters
    ----------
    phones : iterable of str
    to : {39, 48}

    Returns
    -------
    ndarray of str, shape (n,)
        ``""`` for the glottal stop q, which the folding deletes, and for ``""``: what has it takes
        no part.

    Raises
    ------
    UnknownNameError
        If there is no such phone, or no folding to that many.

    Notes
    -----
    Lee and Hon (1989), IEEE Trans. ASSP 37(11), 1641-1648. Chapter: raw-waveform.
    """
    table = {"39": _TO_39, "48": _TO_48}[
        check_choice(str(to), ["39", "48"], "folding of TIMIT's phones to")
    ]
    phones = list(phones)
    for phone in set(phones) - set(table):
        check_choice(phone, table, "phone of TIMIT")
    return np.array([table[phone] for phone in phones], dtype=str)


@checked
def phones_at(phones: pd.DataFrame, times_s: np.ndarray, column: str = "phone_39") -> np.ndarray:
    """Return the phone at each time, ``""`` where there is none: the targets of a network per
    frame.

    Parameters
    ----------
    phones : DataFrame
        What a corpus' ``phones(i)`` returns: rows that follow each other, each from ``start_s`` up
        to ``end_s``.
    times_s : array_like, shape (n,)
        Seconds, for instance ``features.frame_centres(...) / 16000``.
    column : str

    Returns
    -------
    ndarray of str, shape (n,)
    """
    times_s = np.asarray(times_s, np.float64)
    row = np.searchsorted(phones["start_s"].to_numpy(), times_s, side="right") - 1
    inside = (row >= 0) & (times_s < phones["end_s"].to_numpy()[row])
    return np.where(inside, phones[column].to_numpy(str)[row], "")
