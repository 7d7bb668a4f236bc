"""Programs that use the Python client, for a type checker: test_python_package.py checks what it reports."""
