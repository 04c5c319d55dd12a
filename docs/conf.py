"""Sphinx configuration."""

import os

import skae

os.environ.setdefault("OMP_NUM_THREADS", "2")

project = "skae"
author = "the skae developers"
release = version = skae.__version__
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx.ext.mathjax",
    "matplotlib.sphinxext.plot_directive",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
autosummary_generate = True
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
plot_formats = [("png", 110)]
plot_html_show_formats = False
plot_html_show_source_link = False
plot_include_source = False
html_theme = "pydata_sphinx_theme"
html_show_sourcelink = False
exclude_patterns = ["_build"]
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "download_all_examples": False,
    "remove_config_comments": True,
    "min_reported_time": 1e6,
}
