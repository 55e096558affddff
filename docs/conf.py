"""Sphinx's configuration.

Sphinx with furo and MyST: one tool gives autodoc for the reference, Markdown for the pages, search
without a server, and a theme with a dark mode that holds on a phone; all of it is maintained.
"""

import re
from pathlib import Path

import asgi_sio_testclient
from asgi_sio_testclient._version import __version__

HERE = Path(__file__).parent

project = "asgi-sio-testclient"
author = "the asgi-sio-testclient authors"
copyright = f"2026 {author}"  # noqa: A001 (Sphinx's name)
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build", "examples"]

myst_enable_extensions = ["attrs_block", "attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3

autosummary_generate = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autoclass_content = "class"
# "Attributes:" sections stand beside the properties themselves.
napoleon_use_ivar = True
add_module_names = False
python_maximum_signature_line_length = 80

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "furo"
html_title = f"{project} {version}"
html_static_path = ["_static"]
html_favicon = "_static/favicon.svg"
html_css_files = ["custom.css"]
html_show_sphinx = False
html_copy_source = False
html_theme_options = {
    "navigation_with_keys": True,
    "light_css_variables": {
        "color-brand-primary": "#0b6e4f",
        "color-brand-content": "#0b6e4f",
        "font-stack--monospace": "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace",
    },
    "dark_css_variables": {
        "color-brand-primary": "#5fd3a6",
        "color-brand-content": "#5fd3a6",
    },
}


def leave_out_benchmarks(_app, docname, source):
    """The page is measured and written by ``nox -s benchmarks``; a build can go without it."""
    if docname == "index" and not (HERE / "benchmarks.md").exists():
        source[0] = source[0].replace("\nbenchmarks\n", "\n")


def list_members(_app, _docname, source):
    """Put a table of a class's members in the place of ``{members} CLASS``."""

    def table(found):
        owner = getattr(asgi_sio_testclient, found[1])
        names = [name for name in vars(owner) if not name.startswith("_")]
        lines = [".. autosummary::", "   :nosignatures:", ""]
        lines += [f"   {found[1]}.{name}" for name in names]
        return "\n".join(lines)

    source[0] = re.sub(r"^\{members\} (\w+)$", table, source[0], flags=re.MULTILINE)


def setup(app):
    app.connect("source-read", list_members)
    app.connect("source-read", leave_out_benchmarks)
