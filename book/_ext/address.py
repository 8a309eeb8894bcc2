"""Links to the book's repository, where its address is known: `repository` in `_config.yml`.

``{with-repository}`` holds text that names it, as ADDRESS; ``{without-repository}`` what stands in
its place while it has no address.
"""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util.docutils import SphinxDirective

from book import settings

BUTTONS = {"use_repository_button": True, "use_edit_page_button": True}


class WithRepository(SphinxDirective):
    has_content = True
    shown = True

    def run(self) -> list[nodes.Node]:
        address = settings.repository()
        if bool(address) != self.shown:
            return []
        lines = [line.replace("ADDRESS", address) for line in self.content]
        return self.parse_text_to_nodes("\n".join(lines))


class WithoutRepository(WithRepository):
    shown = False


def set_buttons(app: Sphinx, config: Config) -> None:
    """Buttons that open the repository, or a page in the cloud, need its address."""
    if settings.repository():
        config.html_theme_options |= BUTTONS
    else:
        config.html_theme_options.pop("launch_buttons", None)


def setup(app: Sphinx) -> None:
    app.add_directive("with-repository", WithRepository)
    app.add_directive("without-repository", WithoutRepository)
    app.connect("config-inited", set_buttons, priority=100)
