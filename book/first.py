"""The first cell of a notebook: it makes the notebook run anywhere, or says in a sentence why not.

Where the book's package can be imported it does nothing. `book.pairs` puts it into each .ipynb and
takes it out again: the .md, and so the book's page, has no such cell.
"""

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from book import settings

KEY = "runnable_papers"
METADATA = {KEY: "first cell", "cellView": "form", "jupyter": {"source_hidden": True}}
CLONE = (
    "in a clone of the book run `make lab`, or `pip install -e .` for the Python of this kernel; "
    "then restart the kernel"
)
SOURCE = """\
# @title First cell: find the book's package. It does nothing where that is installed.
def find_the_book():
    import importlib.metadata
    import importlib.util
    import os

    class NotReady(ImportError):
        def _render_traceback_(self):  # the sentence alone
            return [str(self)]

    found = importlib.util.find_spec("helpers"){install}
    if found is None or found.origin is None:
        raise NotReady(
            "This notebook needs the package runnable-papers: {how}."
        )
    with open(found.origin, encoding="utf-8", errors="replace") as file:
        if "from helpers.explorer import explore" in file.read():
            return
    place = os.path.realpath(found.origin).removesuffix(os.sep + "__init__.py")
    if os.path.dirname(place) == os.path.realpath(os.getcwd()):
        cure = "rename it, or move this notebook to another folder"
    else:
        names = importlib.metadata.packages_distributions().get("helpers", [])
        names = " ".join(sorted(set(names)))
        cure = f"run `%pip uninstall -y {{names}}`" if names else "remove or rename it"
    raise NotReady(
        f"{{place}} has the name of the book's package, `helpers`, and is not it: "
        f"{{cure}}, restart the kernel, and run this cell again."
    )


find_the_book()
del find_the_book"""
INSTALL = """
    if found is None or found.origin is None:
        %pip install --quiet "runnable-papers @ git+{address}"
        importlib.invalidate_caches()
        found = importlib.util.find_spec("helpers")"""


def cell(how: str = "") -> NotebookNode:
    """The first cell.

    Args:
        how: how to get the package, for a notebook that does not install it; '' for the book's
            notebooks, which do where the repository's address is known.
    """
    address = "" if how else settings.repository()
    install = INSTALL.format(address=address) if address else ""
    how = how or ("its installation failed, see above" if address else CLONE)
    source = SOURCE.format(install=install, how=how)
    return new_code_cell(source, id="first-cell", metadata=METADATA)


def is_it(cell: NotebookNode) -> bool:
    """Whether a cell of a notebook is the first cell."""
    return cell.metadata.get(KEY) == METADATA[KEY]
