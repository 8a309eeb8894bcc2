"""Programs in Chromium, and live figures of built pages, as `test_live.py` drives them."""

import base64
import math
import re
from xml.etree import ElementTree

import numpy as np
import torch
from torch import Tensor

from helpers.live.program import STORED
from tests.conftest import ROOT

KINDS = {torch.float64: 1e-11, torch.float32: 5e-6}
SVG = "{http://www.w3.org/2000/svg}"
RUN = """cases => cases.map(({program, settings}) => {
  const made = new LiveProgram(program);
  return settings.map(inputs => {
    for (const name in inputs) made.in[name].set(inputs[name].map(Number));
    return made.run().map(out => Array.from(out, v => Number.isFinite(v) ? v : String(v)));
  });
})"""


def numbers(tensor: Tensor) -> list:
    """A tensor's entries as JSON holds them."""
    flat = tensor.detach().double().flatten().tolist()
    return [v if math.isfinite(v) else str(v).replace("inf", "Infinity") for v in flat]


def run(browser, cases: list[tuple[dict, list[dict[str, Tensor]]]]) -> list[list[list[list]]]:
    """What Chromium computes: for each program, for each of its settings, all outputs."""
    page = browser.new_page()
    page.add_script_tag(path=str(ROOT / "book" / "_static" / "live.js"))
    sent = [
        {"program": program, "settings": [{n: numbers(v) for n, v in s.items()} for s in settings]}
        for program, settings in cases
    ]
    found = page.evaluate(RUN, sent)
    page.close()
    return found


def apart(got: list, wanted: Tensor) -> float:
    """The largest difference, relative to max(1, |wanted|); infinite where NaN or infinities, or
    the number of entries, differ.
    """
    read = torch.tensor([float(v) for v in got], dtype=torch.float64)
    wanted = wanted.detach().double().flatten()
    if read.shape != wanted.shape:
        return math.inf
    finite = wanted.isfinite()
    same = torch.equal(read[~finite].nan_to_num(7e77), wanted[~finite].nan_to_num(7e77))
    if not same or not bool(read[finite].isfinite().all()):
        return math.inf
    gap = (read - wanted)[finite].abs() / wanted[finite].abs().clamp(min=1)
    return gap.max().item() if len(gap) else 0.0


def limit(wanted: Tensor) -> float:
    return KINDS.get(wanted.dtype, 0.0)


def unpacked(letter: str, text: str) -> list[float]:
    return np.frombuffer(base64.b64decode(text), STORED[letter]).astype(float).tolist()


def drawn(svg: str) -> dict[str, object]:
    """What each moving artist of an SVG shows: words, or points (n, 2) in its units."""
    found = {}
    for part in ElementTree.fromstring(svg.replace("&nbsp;", " ")).iter():
        name = part.get("data-mark")
        if name is None:
            continue
        text = next(part.iter(f"{SVG}text"), None)
        path = part if part.tag == f"{SVG}path" else part.find(f"{SVG}path")
        uses = [u for u in part.iter(f"{SVG}use") if "none" not in (u.get("style") or "")]
        if text is not None:
            found[name] = text.text
        elif path is not None:
            values = re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", path.get("d"))
            found[name] = np.array(values, float).reshape(-1, 2)
        elif uses:
            found[name] = np.array([[u.get("x"), u.get("y")] for u in uses], float)
    return found


def differ(page: dict, matplotlib: dict, height: float, width: float) -> list[str]:
    """The artists that two drawings show at different places, or with other words."""
    wrong = []
    for name, wanted in matplotlib.items():
        got = page.get(name)
        if isinstance(wanted, str) or isinstance(got, str | None):
            if got != wanted:
                wrong.append(f"{name}: {got!r}, not {wanted!r}")
            continue
        inside = (wanted >= 0).all(1) & (wanted[:, 0] <= width) & (wanted[:, 1] <= height)
        gaps = [np.hypot(*(got - point).T).min() for point in wanted[inside]]
        if gaps and max(gaps) > 0.03:
            wrong.append(f"{name}: {max(gaps):.2f} pt")
    return wrong
