"""Make the book's own fonts again: ``python -m book.fonts FOLDER``.

FOLDER holds the unpacked npm packages @ibm/plex-sans, @ibm/plex-mono and katex, each under its
last name, as ``npm pack`` and ``tar`` leave them. What is written here is committed.
"""

import shutil
import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

BOOK = Path(__file__).resolve().parent
FACES = {  # their licence reserves their name, so what is cut from them has another
    "plex-sans": {
        "IBMPlexSans-Regular": "text",
        "IBMPlexSans-Italic": "text-italic",
        "IBMPlexSans-SemiBold": "text-bold",
    },
    "plex-mono": {"IBMPlexMono-Regular": "code"},
}
COPYRIGHT_AND_LICENCE = [0, 13, 14]
LETTERS = [
    *range(0x20, 0x7F),
    *range(0xA0, 0x180),
    *range(0x391, 0x3CA),
    *range(0x2010, 0x2027),
    *map(ord, "′″‹›€™←↑→↓↔⇒∂∆∏∑−∕∙√∞∫≈≠≤≥◊✓⁰¹²³⁴⁵⁶⁷⁸⁹⁻ⁿ₀₁₂₃₄₅₆₇₈₉─│└├"),
]


def main() -> None:
    packages = {name: Path(sys.argv[1]) / name / "package" for name in [*FACES, "katex"]}
    target = BOOK / "_static" / "fonts"
    target.mkdir(exist_ok=True)
    for package, faces in FACES.items():
        shutil.copy(packages[package] / "LICENSE.txt", target / f"{package}-LICENSE.txt")
        for face, name in faces.items():
            font = TTFont(next(packages[package].rglob(f"complete/woff2/{face}.woff2")))
            features = ["kern", "liga", "mark", "tnum"] if package == "plex-sans" else []
            options = subset.Options(hinting=False, layout_features=features)
            options.name_IDs = COPYRIGHT_AND_LICENCE
            chosen = subset.Subsetter(options)
            chosen.populate(unicodes=LETTERS)
            chosen.subset(font)
            font.flavor = "woff2"
            font.save(target / f"{name}.woff2")
    formulas = packages["katex"] / "dist"
    shutil.copy(packages["katex"] / "LICENSE", BOOK / "katex" / "LICENSE")
    shutil.copy(formulas / "katex.min.js", BOOK / "katex" / "katex.min.js")
    shutil.copy(formulas / "katex.min.css", BOOK / "_static" / "katex.css")
    for font in formulas.glob("fonts/*.woff2"):
        shutil.copy(font, BOOK / "katex" / "fonts" / font.name)


if __name__ == "__main__":
    main()
