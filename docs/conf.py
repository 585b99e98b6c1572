"""The site: ``sphinx-build -W --keep-going docs docs/_build/html``. Building and reading it need no network."""

import os
import pathlib
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")  # examples run beside each other

import boost_imbalance

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "_ext"))

project = "boost-imbalance"
copyright = "2026, the boost-imbalance developers"
version = release = boost_imbalance.__version__

extensions = [
    "matplotlib.sphinxext.plot_directive",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "mathml",
    "measurements",
    "search_terms",
    "site_parts",
]
nitpicky = True
nitpick_ignore_regex = [
    (r"py:.*", r"(xgboost|lightgbm|sklearn)\..*"),  # of other projects, whose inventories a build would have to fetch
    (r"py:obj", r"(classes|thresholds)_"),
    (r"py:class", r"MetricValue"),
]
exclude_patterns = ["_build", "gallery/*.ipynb", "gallery/*.py"]

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_mock_imports = ["pyspark"]  # large, and only its names matter here
autodoc_typehints = "none"  # the docstrings say what arrays look like, which types do not
autosummary_generate = False
toc_object_entries_show_parents = "hide"  # long names do not fit beside the text
numpydoc_show_class_members = False

plot_apply_rcparams = True
plot_formats = [("svg", 100)]
plot_html_show_formats = False
plot_html_show_source_link = False
plot_include_source = True
plot_rcparams = {"figure.figsize": (7.5, 3.4), "figure.constrained_layout.use": True, "axes.grid": True, "grid.alpha": 0.25}

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "within_subsection_order": "site_parts.example_order",
    "capture_repr": (),
    "reset_argv": "site_parts.example_arguments",
    "download_all_examples": False,
    "show_memory": False,
    "write_computation_times": False,
    "parallel": min(4, os.cpu_count() or 1),
}

html_theme = "pydata_sphinx_theme"
html_title = "boost-imbalance"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/favicon.svg"
html_search_scorer = str(pathlib.Path(__file__).parent / "_ext" / "search_scorer.js")
html_show_sourcelink = False
html_theme_options = {
    "header_links_before_dropdown": 6,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {page: [] for page in ("getting-started", "faq", "derivations", "changelog", "contributing")}

copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True
