"""Words for a motion: the user's, else what the encoder says of the source, else the clip's name where it is words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

# Words that tools and rigs put into clip names and that say nothing of the motion.
EMPTY_WORDS = re.compile(
    "action|anim|animation|armature|avatar|base|bip|biped|bvh|camera|char|character|clip|com|cycle|default|export|fbx|"
    "file|final|frame|glb|gltf|hips|humanoid|idx|layer|loop|made|main|man|mixamo|mocap|motion|name|new|object|"
    "playback|rig|root|scene|skel|skeleton|stack|subject|take|temp|test|track|trial|unnamed|untitled|version"
)
MIN_WORD_LENGTH = 3


def words_of_name(name: str) -> str | None:
    """A clip's name as lower-case words, `Walk_Forward.001` -> `walk forward`; None where it says nothing."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    words = [word.lower() for word in re.findall(r"[^\W\d_]+", spaced)]
    kept = [word for word in words if not EMPTY_WORDS.fullmatch(word)]
    meaningful = any(len(word) >= MIN_WORD_LENGTH and re.search(r"[aeiouy]|[^a-z]", word) for word in kept)
    return " ".join(kept) if meaningful else None


def commonest(answers: Sequence[str]) -> str | None:
    """The answer given for most frames, the earlier one where two are as common; None where all are empty."""
    told = [answer.strip() for answer in answers if answer.strip()]
    return Counter(told).most_common(1)[0][0] if told else None
