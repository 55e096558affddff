"""Sphinx's configuration: furo and MyST provide the theme, Markdown pages, autodoc and search."""

import importlib
import inspect
import re
from pathlib import Path

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
# "Attributes:" sections are shown together with properties.
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
    """Remove the benchmarks page from the index if ``nox -s benchmarks`` has not written it."""
    if docname == "index" and not (HERE / "benchmarks.md").exists():
        source[0] = source[0].replace("\nbenchmarks\n", "\n")


AUTOCLASS = re.compile(r"^\.\. autoclass:: (\S+)\n   :members:$", re.MULTILINE)
AUTOMODULE = re.compile(r"^\.\. automodule:: (\S+)\n   :members:$", re.MULTILINE)
MODULE = re.compile(r"^\.\. (?:currentmodule|module|automodule):: (\S+)$", re.MULTILINE)


def list_members(_app, docname, source):
    """Insert a table of the members above each class and each module of the reference."""
    if not docname.startswith("reference/"):
        return
    text = AUTOMODULE.sub(lambda found: members_of_module(found[1]), source[0])
    module = MODULE.search(text)
    if module is not None:
        text = AUTOCLASS.sub(lambda found: members_of_class(module[1], found), text)
    source[0] = text


def members_of_module(name):
    """Return directives for each public name of a module, instead of ``:members:``."""
    module = importlib.import_module(name)
    names = [member for member in module.__all__ if inspect.getdoc(getattr(module, member))]
    lines = [f".. automodule:: {name}", "", table(names), ""]
    for member in names:
        value = getattr(module, member)
        kind = "autofunction" if callable(value) else "autodata"
        if isinstance(value, type):
            kind = "autoexception" if issubclass(value, BaseException) else "autoclass"
        lines.append(f".. {kind}:: {name}.{member}")
        lines += ["   :members:", ""] if isinstance(value, type) else [""]
    return "\n".join(lines)


def members_of_class(module, found):
    """Return a class's directive after the table of its members, if it has any."""
    name = found[1].removeprefix(f"{module}.")
    owner = getattr(importlib.import_module(module), name)
    shown = [
        f"{name}.{member}"
        for member, value in vars(owner).items()
        if not member.startswith("_") and inspect.getdoc(value) and not isinstance(value, str)
    ]
    return f"{table(shown)}\n\n{found[0]}" if shown else found[0]


def table(names):
    """Return the directive of a table of names, each without its module or class."""
    return "\n".join([".. autosummary::", "   :nosignatures:", "", *(f"   ~{n}" for n in names)])


def setup(app):
    app.connect("source-read", list_members)
    app.connect("source-read", leave_out_benchmarks)
