"""events.json: when feet are set down and lifted, for each written clip.

`{"schema", "clips": [{"file", "clip", "fps", "frames", "duration_s", "events", "planted_frames"}]}`; events are those
in the clip's extras (`workers.motion.foot_events`), `planted_frames` half-open pairs by side.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from workers.variants.deliver import Delivered

NAME = "events.json"
SCHEMA = "retarget-events/1"


def events_file(files: Iterable[tuple[str, Delivered]]) -> bytes:
    """Of file names with their clips; clips without events are left out."""
    clips = [
        {
            "file": name,
            "clip": item.clip.name,
            "fps": item.clip.rate_hz,
            "frames": item.clip.frames,
            "duration_s": item.clip.duration_s,
            **item.events.to_dict(),
        }
        for name, item in files
        if item.events is not None
    ]
    return json.dumps({"schema": SCHEMA, "clips": clips}, allow_nan=False, indent=1).encode()
