"""Sphinx configuration."""

import inspect
import os

from numpydoc.docscrape import ClassDoc

import skae
import skae.extending

os.environ.setdefault("OMP_NUM_THREADS", "2")

project = "skae"
author = "the skae developers"
release = version = skae.__version__
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinx-mathjax-offline",
    "sphinx_design",
    "matplotlib.sphinxext.plot_directive",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]

# One page for each class: what its docstring says, then its methods in full.
autosummary_generate = True
autodoc_typehints = "none"  # the docstrings say them in words
maximum_signature_line_length = 60
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False


def _methods(kind):
    """Return the names of a class's methods: those of skae, those of scikit-learn."""
    own, others = [], []
    for name in sorted(dir(kind)):
        if name.startswith("_") or not inspect.isroutine(getattr(kind, name)):
            continue
        home = _home(kind, name)
        if home.startswith("sklearn.") or name.endswith("_request"):
            others.append(name)
        elif home.startswith("skae."):
            own.append(name)
    return own, others


def _properties(kind):
    """Return the names of properties that the docstring of the class does not tell."""
    told = ", ".join(parameter.name for parameter in ClassDoc(kind)["Attributes"])
    return [
        name
        for name in sorted(set(dir(kind)) - set(told.split(", ")))
        if not name.startswith("_")
        and isinstance(inspect.getattr_static(kind, name), property)
        and _home(kind, name).startswith("skae.")
    ]


def _home(kind, name):
    """Return the module of the class that defines an attribute."""
    return next(base.__module__ for base in kind.__mro__ if name in vars(base))


_classes = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in (skae, skae.extending)
    for name in module.__all__
    if inspect.isclass(getattr(module, name))
}
autosummary_context = {
    "methods_of": {name: _methods(kind) for name, kind in _classes.items()},
    "properties_of": {name: _properties(kind) for name, kind in _classes.items()},
}

plot_formats = [("png", 110)]
plot_html_show_formats = False
plot_html_show_source_link = False
plot_include_source = False
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "download_all_examples": False,
    "remove_config_comments": True,
    "write_computation_times": False,
    "capture_repr": ("_repr_html_",),
}

html_theme = "pydata_sphinx_theme"
html_title = "skae"
html_static_path = ["_static"]
html_css_files = ["skae.css"]
html_show_sourcelink = False
html_theme_options = {
    "header_links_before_dropdown": 7,
    "secondary_sidebar_items": {
        "**": ["page-toc"],
        "index": [],
        "source": [],
        "genindex": [],
        "search": [],
    },
    "navigation_with_keys": False,
    "show_prev_next": False,
}
# Pages with no pages below them have nothing to show at the left.
html_sidebars = {
    name: []
    for name in (
        "index",
        "guide",
        "packages",
        "design",
        "extending",
        "benchmarks",
        "contributing",
        "changelog",
        "source",
        "search",
        "genindex",
        "auto_examples/*",
        "_modules/**",
    )
}
