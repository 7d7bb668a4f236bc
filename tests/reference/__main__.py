"""Write the generated pages: `make reference`."""

from tests.reference import FOLDER, PAGES

for name, page in PAGES.items():
    (FOLDER / name).write_text(page(), "utf-8")
