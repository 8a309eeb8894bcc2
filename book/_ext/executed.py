"""What the executed notebooks say: claims, recorded figures, run times."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

from sphinx.environment import BuildEnvironment

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from book import yardstick  # noqa: E402
from book.execute import notebooks, open_cache, record_of  # noqa: E402
from helpers import claims, explorer  # noqa: E402


@dataclass
class Run:
    """One executed page; an empty one where the cache holds no execution of its present code."""

    docname: str
    seconds: float = 0.0
    reference_seconds: float = 0.0
    fingerprint: str = ""
    when: str = ""
    cells: int = 0
    claims: list[dict] = field(default_factory=list)
    figures: list[dict] = field(default_factory=list)
    html: dict[str, str] = field(default_factory=dict)


def runs(cache_path: Path) -> dict[str, Run]:
    """The run of every notebook page, by docname, in the table of contents' order."""
    cache = open_cache(cache_path.parent)
    found = {}
    for page in notebooks():
        run = Run(page.relative_to(ROOT).with_suffix("").as_posix())
        found[run.docname] = run
        record = record_of(cache, page)
        if record is None or not record.data["fingerprint"]:
            continue
        run.seconds = record.data["execution_seconds"]
        work = record.data.get("work_seconds", yardstick.REFERENCE)
        run.reference_seconds = run.seconds * yardstick.REFERENCE / work
        run.fingerprint, run.when = record.data["fingerprint"], record.data["executed"]
        notebook = cache.get_cache_bundle(record.pk).nb
        run.cells = len(notebook.cells)
        for output in (o for cell in notebook.cells for o in cell.outputs):
            _collect(run, output.get("metadata", {}), output.get("data", {}))
    return found


def _collect(run: Run, metadata: dict, data: dict) -> None:
    if claims.METADATA in metadata:
        run.claims.append(metadata[claims.METADATA])
    if explorer.METADATA in metadata:
        figure = metadata[explorer.METADATA]
        run.figures.append(figure)
        run.html[figure["name"]] = data["text/html"]


def of(env: BuildEnvironment) -> dict[str, Run]:
    """The runs that this build shows, read once a build."""
    app = env.app
    if not hasattr(app, "runnable_runs"):
        path = app.config.nb_execution_cache_path or Path(app.outdir).parent / ".jupyter_cache"
        app.runnable_runs = runs(Path(path))
    return app.runnable_runs
