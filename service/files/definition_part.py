"""A definition that came with a request: checked at once, kept as the text it came in, so that its lines stay true."""

from __future__ import annotations

from workers.contract.definitions import parse_definition
from workers.contract.errors import InvalidOptions


def definition_text(text: bytes | str | None, part: str) -> str | None:
    """The text of a definition part. Raises InvalidOptions with pointers into the request."""
    if text is None:
        return None
    try:
        parse_definition(text, part)
    except InvalidOptions as error:
        items = [{**item, "pointer": f"/{part}{item['pointer']}"} for item in error.extra["errors"]]
        raise InvalidOptions(error.detail, errors=items) from None
    return text.decode("utf-8-sig") if isinstance(text, bytes) else text
