"""Judge pairs of clips by PESQ. A program of its own: pairs on standard input, a line of JSON each.

PESQ's code writes beyond its arrays on clips of many utterances and ends the process: this one.
"""

import io
import json
import os
import sys

import numpy as np
import pesq


def judge(sent: np.ndarray, received: np.ndarray, sample_rate: int) -> dict:
    """Return ``value``, or in ``error`` why there is none."""
    try:
        value = float(pesq.pesq(sample_rate, sent, received, "wb"))
    except (pesq.PesqError, ValueError) as error:
        text = error.args[0] if error.args else error
        return {"error": text.decode() if isinstance(text, bytes) else str(text)}
    return {"value": value} if np.isfinite(value) else {"error": "its value is no number"}


def main() -> None:
    """Judge one pair after the other, each its length in eight bytes and an npz, until there are
    none."""
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # PESQ prints
    while length := sys.stdin.buffer.read(8):
        with np.load(io.BytesIO(sys.stdin.buffer.read(int.from_bytes(length, "big")))) as pair:
            judged = judge(pair["sent"], pair["received"], int(pair["sample_rate"]))
        print(json.dumps(judged), file=output, flush=True)


if __name__ == "__main__":
    main()
