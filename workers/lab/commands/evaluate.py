"""`retarget evaluate SUBCOMMAND`: measure quality over many files. The measuring is in `workers.lab`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    subparsers = parser.add_subparsers(dest="study", required=True, metavar="STUDY")

    sweep = subparsers.add_parser("sweep", help="every motion onto every character, checked and validated")
    _add_corpus(sweep)
    sweep.add_argument("--clips", choices=("all", "first"), default="first", help="clips of each motion file")
    sweep.add_argument("--validate", choices=("all", "first", "none"), default="first", help="ask gltf-validator about")
    sweep.add_argument("--jobs", type=int, default=2, metavar="N", help="processes")
    _add_json(sweep)

    truth = subparsers.add_parser("truth", help="two characters with the same clips, each against the other's truth")
    truth.add_argument("first", type=Path, metavar="CHARACTER_A")
    truth.add_argument("second", type=Path, metavar="CHARACTER_B")
    truth.add_argument("--clip", metavar="NAME", help="default: every clip that both have")
    truth.add_argument("--refine", choices=("none", "geometry"), default="none", help="adds a row of it (%(default)s)")
    _add_json(truth)

    contacts = subparsers.add_parser("contacts", help="foot contacts of labelled clips on every character")
    _add_corpus(contacts)
    contacts.add_argument("--labels", default=None, metavar="REGEX", help="clips whose label matches; default: gaits")
    _add_json(contacts)

    loops = subparsers.add_parser("loops", help="clips that loop must still loop")
    _add_corpus(loops)
    _add_json(loops)

    hostile = subparsers.add_parser("hostile", help="malformed and mutated files, over HTTP and the command line")
    hostile.add_argument("--data", type=Path, metavar="DIR", help="folder with malformed, characters and motions")
    hostile.add_argument("--mutations", type=int, default=2000, metavar="N", help="of good files (%(default)s)")
    hostile.add_argument("--malformed", choices=("all", "none"), default="all", help="files of DIR/malformed")
    hostile.add_argument("--seed", type=int, default=1, metavar="S", help="of the mutations (%(default)s)")
    hostile.add_argument("--through", choices=("cli", "http", "both"), default="both", help="(%(default)s)")
    hostile.add_argument(
        "--combinations", choices=("all", "one"), default="all", help="of role and way, for each file (%(default)s)"
    )
    hostile.add_argument("--jobs", type=int, default=2, metavar="N", help="at the same time (%(default)s)")
    _add_json(hostile)

    eye = subparsers.add_parser("eye", help="whether an encoder sees what a motion shows, on held-out clips and bodies")
    eye.add_argument("--encoder", required=True, metavar="NAME", help="a model, mobilenet, joints, or all (beside eye)")
    eye.add_argument("--data", type=Path, metavar="DIR", help="real data; default: own samples, to see that it runs")
    eye.add_argument("--clips", type=int, default=50, metavar="N", help="of the main group (%(default)s)")
    eye.add_argument("--seed", type=int, default=1, metavar="S", help="of the intervals (%(default)s)")
    eye.add_argument("--report", type=Path, metavar="OUT", help="write every figure here")
    eye.add_argument("--calibrate", action="store_true", help="print the calibration block of the model's manifest")
    eye.add_argument("--save", action="store_true", help="with --calibrate: use it here from now on")

    gradients = subparsers.add_parser("gradients", help="the renderer's gradients against finite differences")
    gradients.add_argument("--descent", action="store_true", help="turn arms back by the pictures' loss alone instead")
    gradients.add_argument("--data", type=Path, metavar="DIR", help="folder with real characters, for further cases")
    gradients.add_argument("--faces", type=int, default=5000, metavar="N", help="of each body (%(default)s)")
    _add_json(gradients)

    renderers = subparsers.add_parser("renderers", help="the own renderer beside pytorch3d, where it is installed")
    _add_corpus(renderers)
    renderers.add_argument("--faces", type=int, default=5000, metavar="N", help="of each body (%(default)s)")
    renderers.add_argument("--size", type=int, default=224, metavar="PX", help="of the pictures (%(default)s)")
    renderers.add_argument("--pairs", type=int, default=0, metavar="N", help="whose scores are compared (%(default)s)")
    renderers.add_argument("--keyframes", type=int, default=2, metavar="N", help="of each pair (%(default)s)")
    renderers.add_argument("--encoder", default="eye", metavar="NAME", help="a model of the store (%(default)s)")
    _add_json(renderers)

    meaning = subparsers.add_parser("meaning", help="semantic scores of good results and of spoilt ones")
    _add_corpus(meaning)
    meaning.add_argument("--encoder", default="eye", metavar="NAME", help="a model of the store (%(default)s)")
    meaning.add_argument("--pairs", type=int, default=24, metavar="N", help="clips, each on a character (%(default)s)")
    meaning.add_argument("--keyframes", type=int, default=8, metavar="N", help="of each clip (%(default)s)")
    _add_json(meaning)

    spoilt = subparsers.add_parser("spoilt", help="whether the verdict sees spoilt results, and lets good ones pass")
    _add_corpus(spoilt)
    spoilt.add_argument("--bodies", type=int, default=4, metavar="B", help="whose results are spoilt (%(default)s)")
    spoilt.add_argument("--pairs", type=int, default=0, metavar="N", help="good pairs to judge beside (%(default)s)")
    spoilt.add_argument("--seed", type=int, default=1, metavar="S", help="of bodies, clips and pairs (%(default)s)")
    spoilt.add_argument("--encoder", default="none", metavar="NAME", help="for the good pairs (%(default)s)")
    spoilt.add_argument("--picture", type=Path, metavar="OUT", help="only draw each kind on one body, as a PNG")
    _add_json(spoilt)

    exactness = subparsers.add_parser("exactness", help="surface scores by compiled queries against the exact ones")
    _add_corpus(exactness)
    exactness.add_argument("--pairs", type=int, default=200, metavar="N", help="drawn (%(default)s)")
    exactness.add_argument("--long", type=int, default=40, metavar="N", help="of them of long clips (%(default)s)")
    exactness.add_argument("--seed", type=int, default=1, metavar="S", help="of the pairs (%(default)s)")
    _add_json(exactness)

    refine = subparsers.add_parser("refine", help="copy, analytic and refined results, measured exactly")
    _add_corpus(refine)
    refine.add_argument("--pairs", type=int, default=14, metavar="N", help="of motion and character (%(default)s)")
    refine.add_argument(
        "--draw", type=int, default=3, metavar="D", help="of the pairs; 0 to 2 were developed on (%(default)s)"
    )
    refine.add_argument("--mixed", action="store_true", help="no own samples; every second clip whatever its faults")
    refine.add_argument("--encoder", metavar="NAME", help="refine by this encoder too: a model of the store")
    refine.add_argument("--ablate", action="store_true", help="each loss off in turn instead; one view; no features")
    _add_json(refine)

    learned = subparsers.add_parser("learned", help="networks that retarget, on what none of them was trained on")
    _add_corpus(learned)
    learned.add_argument(
        "--network", action="append", default=[], metavar="NAME=FOLDER", help="weights; default: the model of `smt`"
    )
    learned.add_argument("--pairs", type=int, default=20, metavar="N", help="of motion and character (%(default)s)")
    learned.add_argument("--draw", type=int, default=0, metavar="D", help="of the pairs (%(default)s)")
    learned.add_argument("--refine", choices=("none", "geometry"), default="none", help="and each of them refined")
    learned.add_argument("--encoder", metavar="NAME", help="looks at every column: a model of the store")
    _add_json(learned)

    moved = subparsers.add_parser("displacement", help="what refinement moved and need not have moved")
    _add_corpus(moved)
    moved.add_argument("--refine", choices=("geometry", "semantic"), default="geometry", help="(%(default)s)")
    moved.add_argument("--encoder", default="none", metavar="NAME", help="for semantic (%(default)s)")
    moved.add_argument("--pairs", type=int, default=40, metavar="N", help="drawn (%(default)s)")
    moved.add_argument("--seed", type=int, default=1, metavar="S", help="of the pairs (%(default)s)")
    _add_json(moved)

    choices = subparsers.add_parser("choices", help="blind sheets of two sets of options, and what people chose")
    choices.add_argument("folder", type=Path, metavar="FOLDER", help="where the sheets and their key lie")
    choices.add_argument("--answers", type=Path, metavar="FILE", help="tell what was chosen; else sheets are drawn")
    choices.add_argument("--a", default='{"refine": "none"}', metavar="JSON", help="options (%(default)s)")
    choices.add_argument("--b", default='{"refine": "geometry"}', metavar="JSON", help="options (%(default)s)")
    choices.add_argument("--sheets", type=int, default=60, metavar="N", help="how many (%(default)s)")
    choices.add_argument("--seed", type=int, default=1, metavar="S", help="of pairs and order (%(default)s)")
    choices.add_argument(
        "--moved", type=float, default=0.03, metavar="H", help="least way between hands, in heights (%(default)s)"
    )
    _add_corpus(choices)
    _add_json(choices)


def _add_corpus(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=Path(), metavar="DIR", help="folder that the patterns are under")
    parser.add_argument("--characters", default="characters/**/*", metavar="GLOB", help="default: %(default)s")
    parser.add_argument("--motions", default="motions/**/*", metavar="GLOB", help="default: %(default)s")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", type=Path, metavar="OUT", help="write every figure here")


def run(arguments: argparse.Namespace) -> int:
    """Asks the study for its lines; nothing else of the lab is imported before."""
    from workers.lab.commands import choices, displacement, learned, looking_studies, retargeting_studies

    studies: dict[str, Callable[[argparse.Namespace], int]] = {}
    for some in (retargeting_studies, looking_studies, displacement, choices, learned):
        studies.update(some.STUDIES)
    return studies[arguments.study](arguments)
