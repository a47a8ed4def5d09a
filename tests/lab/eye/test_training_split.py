"""The split: disjoint by clip, by motion and by family of bodies, and what its rule says."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from workers.lab.eye.data.families import FILES
from workers.lab.eye.data.fetch import list_sources
from workers.lab.eye.data.motions import clip_text, list_clips
from workers.lab.eye.data.split import EVALUATION_ONLY, PACKS, group_key, load_split, make_split


def test_nothing_is_on_both_sides() -> None:
    split = load_split()
    assert not set(split.train_clips) & set(split.held_out_clips)
    assert not set(split.train_families) & set(split.held_out_families)
    assert not {group_key(clip) for clip in split.train_clips} & {group_key(clip) for clip in split.held_out_clips}


def test_enough_is_held_out() -> None:
    split = load_split()
    folders = Counter(clip.partition("/")[0] for clip in split.held_out_clips)
    assert sum(folders.values()) - folders["kaykit-adventurers"] - folders["mixamo-xy-pair"] >= 50
    assert len(split.held_out_families) >= 3


def test_no_clip_is_trained_on_whose_licence_forbids_it() -> None:
    assert not any(PACKS[clip.partition("/")[0]] in EVALUATION_ONLY for clip in load_split().train_clips)
    paths = {file.path.rpartition("/")[0].rpartition("/")[2]: file.licence for file in list_sources()}
    folders = {clip.partition("/")[0] for clip in load_split().train_clips} - {"samples"}
    assert {paths[folder] for folder in folders} <= {"CC0-1.0", "CMU"}
    bodies = {Path(FILES[family]).parent.name for family in load_split().train_families if family in FILES}
    assert {paths[folder] for folder in bodies} == {"CC0-1.0"}


def test_the_committed_split_is_what_the_rule_makes(shared_data: Path) -> None:
    assert make_split(list_clips(shared_data)) == load_split()


def test_the_rule_does_not_depend_on_order() -> None:
    split = load_split()
    clips = [*split.train_clips, *split.held_out_clips]
    assert make_split(clips) == make_split(reversed(clips))


def test_one_motion_on_two_rigs_is_one_group() -> None:
    first = group_key("kaykit-medium/Med_CombatMelee.glb/Melee_1H_Attack_Stab")
    assert first == group_key("kaykit-adventurers/Knight.glb/1H_Melee_Attack_Stab")
    assert group_key("cmu-cc/001_01.bvh") == group_key("cmu-cgspeed/01_01.bvh")
    assert group_key("cmu-cc/002_01.bvh") != group_key("cmu-cc/002_02.bvh")


def test_every_clip_has_words() -> None:
    split = load_split()
    texts = [clip_text(clip) for clip in (*split.train_clips, *split.held_out_clips)]
    assert all(texts)
    assert clip_text("cmu-cc/005_01.bvh") == "walk"
    assert clip_text("kaykit-medium/Med_MovementBasic.glb/Walking_A") == "walking"
