"""The sheet for whoever reviews the policies: every entry that runs code when a model is rebuilt."""

from __future__ import annotations

from collections.abc import Sequence

from model import Entry, Policy

# Trusts that run code of a library at rebuild, most first; LOWERED runs loadlock's own alone.
RUNNING = {
    "NEW_SETSTATE": "The class's own `__setstate__` runs over a state that passed its rules and invariants.",
    "FACTORY": "loadlock calls the library by this name, with arguments that its schema has proven.",
    "REWRITTEN": "A model that loadlock parsed and wrote anew is given to the library's own loader.",
    "BY_NAME_AND_PARAMS": "The library's public constructor is called with checked parameters; the rest "
    "of the file's state is not read.",
}
HEAD = """# What runs when a model is rebuilt

Written by `generate.py`; do not edit. Nothing of an artifact runs, ever. What is listed here is
code of the installed libraries that the client calls by name, and why that is safe. All other
entries are either named only, or instances made by `object.__new__` whose `__dict__` is written:
no code of their class runs. Entries of schema LOWERED become plain nodes in the worker and are
never called; they are counted, not listed.
"""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _table(entries: Sequence[Entry]) -> list[str]:
    rows = ["| name | schema or invariants | why it is safe |", "|---|---|---|"]
    for entry in sorted(entries, key=lambda one: one.name):
        how = entry.schema or ", ".join(entry.invariants)
        rows.append(f"| `{entry.name}` | {how} | {_cell(entry.why)} |")
    return rows


def _functions(entries: Sequence[Entry]) -> list[str]:
    """Names that stand as values: called by the library later, at these places alone."""
    rows = ["| name | where it may stand | why |", "|---|---|---|"]
    for entry in sorted(entries, key=lambda one: one.name):
        places = ", ".join(f"`{place}`" for place in entry.at[:4])
        more = f" and {len(entry.at) - 4} more" if len(entry.at) > 4 else ""
        rows.append(f"| `{entry.name}` | {places}{more} | {_cell(entry.why)} |")
    return rows


def sheet(policies: Sequence[Policy], versions: Sequence[str]) -> str:
    """REVIEW.md: `versions` are the libraries that were read."""
    entries = [entry for policy in policies for entry in policy.entries]
    unexplained = [entry.name for entry in entries if not entry.why]
    if unexplained:
        raise SystemExit(f"entries without a reason: {unexplained}")
    lines = [HEAD, f"Read from {', '.join(dict.fromkeys(versions))}. Entries by trust:", ""]
    for trust in sorted({entry.trust for entry in entries}):
        lowered = sum(entry.trust == trust and entry.schema == "LOWERED" for entry in entries)
        count = sum(entry.trust == trust for entry in entries)
        lines.append(f"- {trust}: {count}" + (f", {lowered} of them LOWERED" if lowered else ""))
    for trust, text in RUNNING.items():
        mine = [entry for entry in entries if entry.trust == trust and entry.schema != "LOWERED"]
        lines += ["", f"## {trust}", "", text, "", *_table(mine)]
    called = [entry for entry in entries if entry.trust == "NAME" and entry.at]
    lines += [
        "",
        "## Functions and types at their places",
        "",
        "Not called at rebuild. The library calls a function that stands at such a place when the model is",
        "used or fitted again; anywhere else the name is refused.",
        "",
        *_functions(called),
        "",
        *(
            f"`${name}`: {', '.join(f'`{place}`' for place in sorted(places))}.\n"
            for policy in policies
            for name, places in policy.places.items()
        ),
    ]
    return "\n".join(lines) + "\n"
