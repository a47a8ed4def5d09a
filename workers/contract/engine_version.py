"""The version of the engine's results, as `engine.version` in reports and job records.

It follows results, not releases: raise it whenever the same job gives another result, so that whoever keeps results can
tell them apart. `tests/golden` fails where results changed and this did not.
"""

from __future__ import annotations

ENGINE_VERSION = "0.5.0"
