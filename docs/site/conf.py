"""Configuration of Sphinx: `make docs` builds the pages of docs/ and the READMEs as a site.

The source directory is the root of the repository, so that links between docs/ and README.md, deploy/ or examples/
resolve as they do on a code host. The pages are plain Markdown; what only the site needs is in `extension.py`.
"""

import sys
import tomllib
from pathlib import Path

SITE = Path(__file__).parent
ROOT = SITE.parents[1]
sys.path.insert(0, str(SITE))

project = "Dualstream"
author = "The Dualstream maintainers"
project_copyright = author
version = release = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]

extensions = ["myst_parser", "extension"]
root_doc = "docs/index"
include_patterns = [
    "docs/**.md",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "examples/**.md",
    "static/dualstream/README.md",
]
# Folders that may be large are not searched.
exclude_patterns = [".*", "build", "dist", "gateway", "tests", "transports", "constraints", "**/node_modules"]

# Anchors of headings as on a code host, down to h5; Sphinx reports a link to one that does not exist.
myst_heading_anchors = 5

# Quotes stay as they are written.
smartquotes = False

html_theme = "furo"
html_title = f"Dualstream {release}"
html_static_path = ["assets"]
html_css_files = ["site.css"]
html_extra_path = ["root"]
html_show_sphinx = False
html_copy_source = False
html_js_files = [("site.js", {"defer": "defer"})]
# The colours of the pages that a gateway serves (static/demo/css/tokens.css).
SANS = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif'
html_theme_options = {
    "navigation_with_keys": True,
    "top_of_page_buttons": [],
    "light_css_variables": {
        "font-stack": SANS,
        "color-brand-primary": "#0b7065",
        "color-brand-content": "#0b7065",
        "color-brand-visited": "#0b7065",
    },
    "dark_css_variables": {
        "color-brand-primary": "#43c9b8",
        "color-brand-content": "#43c9b8",
        "color-brand-visited": "#43c9b8",
        "color-background-primary": "#0f1217",
        "color-background-secondary": "#171b22",
    },
}
# Both have the contrast that WCAG requires.
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "github-dark"
