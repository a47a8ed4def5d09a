"""The parts of the file around its objects: header, settings, the counts of what is in it, and their order.

Y up, +Z forward, X across, one unit a centimetre, as Maya writes. The times in the header are one constant, so that the
same result is the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workers.formats.fbx.write.curves import ticks
from workers.formats.fbx.write.objects import ROOT, Objects, entry, integer, number, properties, text, time, vector
from workers.formats.fbx.write.records import FILE_ID, TIME_ID, VERSION, Record, encode_file, record

GENERATOR = "motion-retargeting-service"
_CUSTOM_RATE = 14
_RATES = {120.0: 1, 100.0: 2, 60.0: 3, 50.0: 4, 48.0: 5, 30.0: 6, 25.0: 10, 24.0: 11, 1000.0: 12, 96.0: 15, 72.0: 16}
_RATE_TOLERANCE = 1e-4


def assemble(objects: Objects, takes: Sequence[Record], rate_hz: float, end_s: float, active: str) -> bytes:
    """The file. `rate_hz` is the frame rate that it states, `end_s` its last moment, `active` the take to show."""
    return encode_file(
        [
            _header(),
            record("FileId", FILE_ID),
            record("CreationTime", TIME_ID),
            record("Creator", GENERATOR),
            _settings(rate_hz, end_s),
            _documents(active),
            record("References"),
            _definitions(objects),
            record("Objects", children=objects.records),
            record("Connections", children=objects.connections),
            record("Takes", children=[record("Current", active), *takes]),
        ]
    )


def _header() -> Record:
    moment = {"Year": 1970, "Month": 1, "Day": 1, "Hour": 10, "Minute": 0, "Second": 0, "Millisecond": 0}
    made_by = [
        text(f"{when}|{what}", value)
        for when in ("Original", "LastSaved")
        for what, value in (("ApplicationVendor", ""), ("ApplicationName", GENERATOR), ("ApplicationVersion", ""))
    ]
    about = ("Title", "Subject", "Author", "Keywords", "Revision", "Comment")
    return record(
        "FBXHeaderExtension",
        children=[
            record("FBXHeaderVersion", 1003),
            record("FBXVersion", VERSION),
            record("EncryptionType", 0),
            record(
                "CreationTimeStamp",
                children=[record("Version", 1000), *(record(key, value) for key, value in moment.items())],
            ),
            record("Creator", GENERATOR),
            record(
                "SceneInfo",
                "GlobalInfo\0\1SceneInfo",
                "UserData",
                children=[
                    record("Type", "UserData"),
                    record("Version", 100),
                    record("MetaData", children=[record("Version", 100), *(record(key, "") for key in about)]),
                    properties(*made_by),
                ],
            ),
        ],
    )


def _settings(rate_hz: float, end_s: float) -> Record:
    mode = next((mode for rate, mode in _RATES.items() if abs(rate - rate_hz) < _RATE_TOLERANCE * rate), _CUSTOM_RATE)
    axes = (("UpAxis", 1), ("FrontAxis", 2), ("CoordAxis", 0), ("OriginalUpAxis", 1))
    return record(
        "GlobalSettings",
        children=[
            record("Version", 1000),
            properties(
                *(integer(key + ending, value) for key, axis in axes for ending, value in (("", axis), ("Sign", 1))),
                number("UnitScaleFactor", 1.0),
                number("OriginalUnitScaleFactor", 1.0),
                vector("AmbientColor", "ColorRGB", (0.0, 0.0, 0.0), ""),
                text("DefaultCamera", "Producer Perspective"),
                entry("TimeMode", "enum", "", "", mode),
                time("TimeSpanStart", 0),
                time("TimeSpanStop", ticks(end_s)),
                number("CustomFrameRate", rate_hz),
            ),
        ],
    )


def _documents(active: str) -> Record:
    shown = properties(entry("SourceObject", "object", "", ""), text("ActiveAnimStackName", active))
    children = [shown, record("RootNode", np.int64(ROOT))]
    return record(
        "Documents", children=[record("Count", 1), record("Document", np.int64(1), "", "Scene", children=children)]
    )


def _definitions(objects: Objects) -> Record:
    counts = {"GlobalSettings": 1, **objects.counts()}
    types = [record("ObjectType", kind, children=[record("Count", count)]) for kind, count in counts.items()]
    return record("Definitions", children=[record("Version", 100), record("Count", sum(counts.values())), *types])
