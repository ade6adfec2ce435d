"""Matrices of objects, interpolations, trees and partials that no library writes are refused."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from scipy import interpolate
from sklearn.feature_selection import SelectKBest, mutual_info_classif
from sklearn.metrics import fbeta_score

from corpora import opcodes as op
from corpora.tampered import dump
from corpora.tampered_scientific import FORGED, PLACES, VALUES, bare, made_of_keys

from .daemon import ACCEPTED, REFUSED, Daemon, error_rules, errors

pytestmark = pytest.mark.models


def test_the_untouched_twin_of_forged_keys_is_accepted(daemon: Daemon) -> None:
    assert daemon.audit_bytes(made_of_keys()["item-good"]).verdict == ACCEPTED


@pytest.mark.parametrize("family", FORGED)
def test_forged_ones_are_refused(family: str, daemon: Daemon) -> None:
    wrong = []
    for name, data in FORGED[family]().items():
        report = daemon.audit_bytes(data)
        malformed = "MALFORMED" in error_rules(report) and name != "interp-slot-twice"
        if report.verdict != REFUSED or malformed:
            wrong.append((name, error_rules(report)))
    assert not wrong


def test_names_of_an_interpolation_stand_nowhere_else(daemon: Daemon) -> None:
    """Its functions, and getattr, at its own place only."""
    call = op.global_("scipy.interpolate._interpolate", "interp1d._call_linear")
    for stream in (
        op.stack_global("scipy.interpolate._interpolate", "interp1d._call_linear"),
        op.EMPTY_LIST
        + op.stack_global("scipy.interpolate._interpolate", "interp1d._call_linear")
        + op.APPEND,
        call,
    ):
        report = daemon.audit_bytes(op.stream(stream))
        assert report.verdict == REFUSED
        assert error_rules(report) <= {"NAME_NOT_HERE", "NAME_NOT_LISTED"}, errors(report)


@pytest.mark.parametrize("name", ["__init__", "__class__", "_call_linear.__globals__"])
def test_getattr_takes_a_plain_function_of_its_own_class(name: str, daemon: Daemon) -> None:
    """What is left out is looked at none the less: in protocol 2 a function of a class is a call."""
    state = interpolate.interp1d(PLACES, VALUES).__reduce_ex__(2)[2]
    state[0].pop("_call")
    own = op.global_("scipy.interpolate._interpolate", "interp1d")
    for cls, wanted in ((own, "_call_linear_np"), (own, name), (op.global_("os", "environ"), "_call_linear")):
        found = op.global_("builtins", "getattr") + cls + bare(wanted) + op.TUPLE2 + op.REDUCE
        dicts = bare(state[0]) + bare("_call") + found + op.SETITEM + bare(state[1]) + op.TUPLE2
        data = op.stream(own + op.EMPTY_TUPLE + op.NEWOBJ + dicts + op.BUILD)
        assert (daemon.audit_bytes(data).verdict == REFUSED) == (wanted != "_call_linear_np"), wanted


def test_a_partial_is_of_the_function_that_stands_there(daemon: Daemon) -> None:
    """What two readers of a state could take for two functions is refused."""
    function = functools.partial(mutual_info_classif, random_state=0)

    def other(reduction: Any) -> Any:
        made, args, (_, positional, keywords, attributes) = reduction
        return made, args, (fbeta_score, positional, keywords, attributes)

    data = dump(SelectKBest(function), {functools.partial: other}, "pickle-5")
    assert daemon.audit_bytes(data).verdict == REFUSED
