"""What the wheel carries of the chapters: their definitions, with stubs for answers.

`helpers.chapter` reads these copies where there is no repository, so that
``chapter("kan").far_outside`` answers no learner's exercise.
"""

import runpy
import shutil
import tempfile
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Stubs(BuildHookInterface):
    def initialize(self, version: str, build_data: dict) -> None:
        self.copies = Path(tempfile.mkdtemp())
        if version == "editable":
            return
        root = Path(self.root)
        without_answers = runpy.run_path(str(root / "book" / "stubs.py"))["without_answers"]
        for page in (root / "chapters").rglob("*.md"):
            if ".ipynb_checkpoints" in page.parts:
                continue
            copy = self.copies / page.relative_to(root / "chapters")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(without_answers(page.read_text(encoding="utf-8")), encoding="utf-8")
        build_data["force_include"][str(self.copies)] = "helpers/_sources/chapters"

    def finalize(self, version: str, build_data: dict, artifact_path: str) -> None:
        shutil.rmtree(self.copies, ignore_errors=True)
