"""`make lab`: chapters in JupyterLab, where citations and links to other chapters open something.

JupyterLab shows a page's .md, with the boxes of MyST. It knows neither the bibliography nor that a
chapter is a notebook; the cells that it gets do, and what it saves is the .md's text again.
"""

import copy

from jupytext import TextFileContentsManager

from book import plain


class Contents(TextFileContentsManager):
    """Jupytext's manager of files, for which citations are links."""

    def get(self, path, content=True, **options):
        model = super().get(path, content=content, **options)
        if content and model["type"] == "notebook":
            page = path.strip("/").removeprefix("chapters/").rpartition(".")[0]
            for cell in model["content"]["cells"]:
                if cell["cell_type"] == "markdown":
                    cell["source"] = plain.linked(cell["source"], page)
        return model

    def save(self, model, path=""):
        if model["type"] == "notebook" and "content" in model:
            model = copy.deepcopy(model)
            for cell in model["content"]["cells"]:
                if cell["cell_type"] == "markdown":
                    cell["source"] = plain.myst(cell["source"])
        return super().save(model, path)
