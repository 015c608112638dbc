"""How Sphinx makes a site of these pages: `sphinx-build -W docs build/docs`."""

project = "VexFS Qdrant"
extensions = ["myst_parser"]
myst_heading_anchors = 4
html_theme = "furo"
html_title = project
html_static_path = ["static"]
html_css_files = ["pages.css"]
html_copy_source = False
html_show_copyright = False
# The page of decisions lists them; a tree of them beside every page would be too much.
suppress_warnings = ["toc.not_included"]
