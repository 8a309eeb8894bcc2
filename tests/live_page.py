"""Programs in Chromium, and live figures of built pages, as `test_live.py` drives them."""

import base64
import json
import math
import re

import numpy as np
import torch
from torch import Tensor

from helpers.live.program import STORED
from tests.conftest import ROOT

KINDS = {torch.float64: 1e-11, torch.float32: 5e-6}
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
    for name, body in re.findall(r'data-mark="(live-[\d-]+)"[^>]*>(.*?)(?=data-mark=|\Z)', svg, re.S):
        text = re.search(r"<text[^>]*>([^<]*)</text>", body)
        path = re.search(r'^\s*<path[^>]*?\bd="([^"]*)"', body)
        uses = re.findall(r'<use\b(?![^>]*display: none)[^>]*?\bx="([-\d.e]+)"[^>]*?\by="([-\d.e]+)"', body)
        if text:
            found[name] = text[1]
        elif path:
            values = re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", path[1])
            found[name] = np.array(values, float).reshape(-1, 2)
        elif uses:
            found[name] = np.array(uses, float)
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


def dumps(found: object) -> str:
    return json.dumps(found, separators=(",", ":"))
