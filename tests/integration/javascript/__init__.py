"""The npm package of the browser client, as an application has it: packed, installed, compiled, bundled."""
