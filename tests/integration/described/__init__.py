"""schemathesis over the published description: what it calls valid is taken, what it calls invalid is refused."""
