"""The engine: (motion, character, options) -> (artifacts, report), a pure function."""
