"""Judge pairs of clips by PESQ. A program of its own: npz on standard input, a line of JSON a pair.

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
    """Read pairs ``sent0, received0, ...`` and the rate, write what each is worth."""
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # PESQ prints
    with np.load(io.BytesIO(sys.stdin.buffer.read())) as clips:
        for i in range(len(clips.files) // 2):
            judged = judge(clips[f"sent{i}"], clips[f"received{i}"], int(clips["sample_rate"]))
            print(json.dumps(judged), file=answer, flush=True)


if __name__ == "__main__":
    main()
