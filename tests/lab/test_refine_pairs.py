"""Which pairs refinement is measured on."""

from __future__ import annotations

from pathlib import Path

from workers.lab.corpus import find_corpus
from workers.lab.studies.refine_pairs import mixed_pairs
from workers.samples.write import sample_files


def test_mixed_pairs_take_characters_in_turns_and_clips_without_faults_too(tmp_path: Path) -> None:
    for name, data in sample_files().items():
        if name in ("wave.bvh", "reach_overhead.bvh", "hands_on_hips.bvh", "tall.glb", "stout.glb"):
            place = tmp_path / ("motions" if name.endswith("bvh") else f"characters/{name}")
            place.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(data)
    corpus = find_corpus(tmp_path, "characters/**/*", "motions/**/*")
    found = list(mixed_pairs(corpus, 4, draw=5))
    pairs = [(pair.motion, pair.clip, pair.character) for pair, _ in found]
    assert len(set(pairs)) == 4 and None not in [motion for motion, _, _ in pairs]
    characters = [character for _, _, character in pairs if character is not None]
    assert characters[0] == characters[2] != characters[1] == characters[3]
    assert found == list(mixed_pairs(corpus, 4, draw=5))
    # Of every two the first has the most to correct of what is offered: of three clips, all of them.
    assert found[0][1] >= found[2][1]
    assert list(mixed_pairs(find_corpus(tmp_path, "nothing/*", "motions/**/*"), 4)) == []
