"""`python -m loadlock convert IN -o OUT`: what needs Python's libraries, unlike `loadlock`.

Exit 0: written. 1: refused, or not expressible. 2: could not be decided.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import loadlock
from loadlock._progress import Bar


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m loadlock")
    commands = parser.add_subparsers(dest="command", required=True)
    convert = commands.add_parser("convert", help="write a vetted model as skops or safetensors")
    convert.add_argument("source", type=Path, metavar="IN")
    where = convert.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "-o", "--output", type=Path, metavar="OUT", help="OUT.skops or OUT.safetensors"
    )
    where.add_argument(
        "--inplace", action="store_true", help="write a .skops file anew in its place"
    )
    convert.add_argument("--key", help="where in IN the dict of tensors is, for .safetensors")
    convert.add_argument("--policy", default="default")
    convert.add_argument(
        "--max-shard-size",
        metavar="SIZE",
        help="write several files and their index if OUT would be larger: 5GB, 500MiB, ...",
    )
    options = parser.parse_args(arguments)
    try:
        with Bar(sys.stderr) as bar:
            target = loadlock.convert(
                options.source,
                options.source if options.inplace else options.output,
                key=options.key,
                policy=options.policy,
                max_shard_size=options.max_shard_size,
                progress=bar,
            )
    except (loadlock.Refused, loadlock.NotExpressible) as error:
        print(error, file=sys.stderr)
        return 1
    except (loadlock.Error, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{options.source} -> {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
