"""One look for all figures, and one meaning for each colour.

The palette is Okabe and Ito's, told apart by colour-blind readers; its orange is darkened, to 3:1
on white paper. Axes and text are drawn in INK, which the page replaces by its own text colour.
"""

import matplotlib

COLORS: dict[str, str] = {
    "method": "#0072B2",
    "baseline": "#D55E00",
    "other": "#009E73",
    "third": "#CC79A7",
    "highlight": "#C47F00",
    "truth": "#7f7f7f",
}
INK = "#3b4252"

RC: dict[str, object] = {
    "figure.figsize": (5.2, 3.0),
    "figure.constrained_layout.use": True,
    **dict.fromkeys(["figure.facecolor", "axes.facecolor"], "none"),
    **dict.fromkeys(["axes.spines.top", "axes.spines.right"], False),
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "axes.prop_cycle": matplotlib.cycler(color=list(COLORS.values())),
    **dict.fromkeys(["xtick.labelsize", "ytick.labelsize", "legend.fontsize"], 9),
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "font.family": "DejaVu Sans",
    "mathtext.fontset": "dejavusans",
    "svg.fonttype": "none",
    "svg.hashsalt": "runnable-papers",
    "path.simplify_threshold": 0.3,
} | dict.fromkeys(
    ["text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"], INK
)


def apply() -> None:
    """Make the book's style matplotlib's default in this process."""
    matplotlib.rcParams.update(RC)
