"""Loads machine-learning models without unpickling them.

    import loadlock

    model = loadlock.load("model.joblib")
    weights = loadlock.load_state_dict("model.pt")
    first = loadlock.open("model.safetensors").tensor("wte.weight")
    report = loadlock.audit("model.joblib")
    names = loadlock.untrusted("model.joblib")
    with loadlock.shim():
        model = joblib.load("model.joblib")

A daemon, loadlockd, parses the file in a sandbox, checks every name in it against a policy, and
hands over an inert graph; the object is rebuilt here from that graph. Nothing in the file runs,
neither there nor here.

Which daemon: `address` ("unix:/path", "host:port" or "private"); else the environment's
LOADLOCK_ADDRESS; else the one at /run/loadlock/loadlock.sock; else a private one is started
(found by the environment's LOADLOCKD, or in PATH) and ends with this process.

Exceptions:
    Refused: the policy does not accept the file. `refused.report` says why and where.
    Error: no verdict; `error.status` and `error.reason` say what went wrong.
    RebuildError: an Error: accepted, but not buildable with what is installed here.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from loadlock._client import Client
from loadlock._convert import convert as _convert
from loadlock._errors import Error, RebuildError, Refused
from loadlock._report import (
    Finding,
    GlobalUse,
    Report,
    Severity,
    Tier,
    Timing,
    Trust,
    Verdict,
)
from loadlock._safetensors import NotExpressible
from loadlock._server_info import PolicySummary, ServerInfo
from loadlock._sharded import shard_size
from loadlock._shim import shim as _shim
from loadlock._tensors import TensorFile, TensorSlice

__all__ = [
    "Client",
    "Error",
    "Finding",
    "GlobalUse",
    "NotExpressible",
    "PolicySummary",
    "RebuildError",
    "Refused",
    "Report",
    "ServerInfo",
    "Severity",
    "TensorFile",
    "TensorSlice",
    "Tier",
    "Timing",
    "Trust",
    "Verdict",
    "audit",
    "convert",
    "load",
    "load_state_dict",
    "open",
    "shim",
    "untrusted",
]
__version__ = "0.1.0"

# One client an address, so that a program that loads many models connects once.
_clients: dict[str | None, Client] = {}
_clients_lock = threading.Lock()


def _renew_lock() -> None:
    global _clients_lock
    _clients_lock = threading.Lock()
    _clients.clear()


os.register_at_fork(after_in_child=_renew_lock)


def _shared_client(address: str | None) -> Client:
    with _clients_lock:
        return _clients.setdefault(address, Client(address))


def load(
    path: str | os.PathLike[str],
    *,
    policy: str = "default",
    address: str | None = None,
    expected_sha256: str | None = None,
    tensors: str = "auto",
    device: Any = None,
) -> Any:
    """The model in the file, rebuilt from its vetted graph. Nothing in the file runs.

    Args:
        path: The file; the daemon opens it, so over TCP it is a path there.
        policy: Name of the policy that says what may be in it.
        address: Which daemon, see the module's help.
        expected_sha256: Refuse any other content (64 hex digits).
        tensors: What torch's tensors become: "torch", "numpy" (plain ones of dtypes that numpy
            has; parameters become arrays, sizes tuples), or "auto": torch if it is installed,
            else numpy.
        device: Passed on to torch: where tensors go.

    Raises:
        Refused: The policy does not accept it; carries the report.
        RebuildError: It was accepted but does not fit what is installed here.
        Error: No verdict (no such file, no daemon, too large, ...).
    """
    return _shared_client(address).load(
        path, policy=policy, expected_sha256=expected_sha256, tensors=tensors, device=device
    )


def load_state_dict(
    path: str | os.PathLike[str],
    *,
    key: str | None = None,
    policy: str = "default",
    address: str | None = None,
    expected_sha256: str | None = None,
    tensors: str = "auto",
    device: Any = None,
) -> Any:
    """The dict of tensors in a file of torch or safetensors, for a module's load_state_dict.

    Args:
        path: The file, as for load.
        key: Where in the file the dict is, if not at its root ("state_dict", say).
        policy: As for load.
        address: As for load.
        expected_sha256: As for load.
        tensors: As for load.
        device: As for load.

    Raises:
        Refused, RebuildError, Error: As load; RebuildError also if it holds no such dict.
    """
    return _shared_client(address).load_state_dict(
        path,
        key=key,
        policy=policy,
        expected_sha256=expected_sha256,
        tensors=tensors,
        device=device,
    )


def open(
    path: str | os.PathLike[str],
    *,
    key: str | None = None,
    policy: str = "default",
    address: str | None = None,
    expected_sha256: str | None = None,
    tensors: str = "auto",
    device: Any = None,
) -> TensorFile:
    """The tensors of a file by name, each made when it is asked for.

    Args:
        path: The file, as for load.
        key: As for load_state_dict.
        policy: As for load.
        address: As for load.
        expected_sha256: As for load.
        tensors: As for load.
        device: As for load.

    Raises:
        Refused, RebuildError, Error: As load_state_dict.
    """
    return _shared_client(address).open(
        path,
        key=key,
        policy=policy,
        expected_sha256=expected_sha256,
        tensors=tensors,
        device=device,
    )


def audit(
    path: str | os.PathLike[str],
    *,
    policy: str = "default",
    address: str | None = None,
    expected_sha256: str | None = None,
) -> Report:
    """What the file holds and what the policy says of it. A refusal is a report as well.

    Args:
        path: The file, as for load.
        policy: Name of the policy.
        address: Which daemon, see the module's help.
        expected_sha256: Refuse any other content (64 hex digits).

    Raises:
        Error: No verdict (no such file, no daemon, too large, ...).
    """
    return _shared_client(address).audit(path, policy=policy, expected_sha256=expected_sha256)


def untrusted(
    path: str | os.PathLike[str],
    *,
    policy: str = "default",
    address: str | None = None,
    expected_sha256: str | None = None,
) -> list[str]:
    """The names in the file that the policy does not trust, sorted; [] if it accepts the file.

    As skops' get_untrusted_types, for every format and without reading the file in this process.

    Args:
        path: The file, as for load.
        policy: Name of the policy.
        address: Which daemon, see the module's help.
        expected_sha256: Refuse any other content (64 hex digits).

    Raises:
        Refused: The file is refused, and for no name: it is damaged, ambiguous, too deep, ... An
            empty list would look like a file that is good.
        Error: No verdict (no such file, no daemon, too large, ...).
    """
    report = audit(path, policy=policy, address=address, expected_sha256=expected_sha256)
    if not report.accepted and not report.untrusted:
        raise Refused(report)
    return list(report.untrusted)


def shim(
    *,
    policy: str = "default",
    address: str | None = None,
    modules: Sequence[str] | None = None,
) -> AbstractContextManager[None]:
    """Within it, existing code that unpickles loads through the daemon instead.

        with loadlock.shim():
            model = joblib.load("model.joblib")

    Replaced are `load` and `loads` of pickle, `load` of joblib and torch, `load` and `loads` of
    skops.io. They raise Refused, RebuildError and Error as `load` does. A path is opened by the
    daemon; an open binary file is read to its end and sent. Arguments that would change what is
    read (encoding, buffers, mmap_mode, ...) raise TypeError unless they have their defaults.

    Limits: It holds for the whole process, all threads of it, until the last block ends; blocks
    that overlap must have the same arguments. Not replaced are Unpickler, pandas.read_pickle and
    numpy.load, functions that were imported before (`from joblib import load`), and what other
    processes do. A function that is imported within the block stays ours. What unpickles within
    it for itself (queues of multiprocessing, caches) goes through the daemon as well, and is
    refused if the policy does not accept it.

    Args:
        policy: Name of the policy.
        address: Which daemon, see the module's help.
        modules: Some of "pickle", "joblib", "skops", "torch"; None: all that are installed. They
            are imported, so that nothing slips through that is imported later.

    Raises:
        Error: Another shim with other arguments is open.
    """
    return _shim(_shared_client(address), (policy, address), modules)


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    key: str | None = None,
    policy: str = "default",
    address: str | None = None,
    max_shard_size: int | str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Writes the model in `source` anew, in a format that holds no code; gives the file.

    The model is vetted and rebuilt as by `load`, so nothing in the file runs. An old .skops file
    is brought to the protocol of the skops that is installed; `target` may be `source`. The target
    appears whole or not at all.

    Args:
        source: The file, as for load.
        target: A .skops file (needs skops), or .safetensors for a dict of plain tensors or arrays.
            Of names for the same tensor one is kept, and the metadata says which.
        key: For .safetensors, where in the source the dict is, if not at its root or at
            "state_dict".
        policy: Name of the policy.
        address: Which daemon, see the module's help; it has to see the target's folder, too.
        max_shard_size: For .safetensors, bytes ("5GB", "500MiB", or a number) of tensors in one
            file. More go to several, model-00001-of-00002.safetensors beside model.safetensors, and
            the index model.safetensors.index.json, whose path is given; files that are there are
            not replaced. All of them appear, the index last, or none.
        progress: Called with the bytes of tensors that are written and those of all.

    Raises:
        Refused: The policy does not accept the source.
        NotExpressible: An Error: the format has no place for what the message names.
        Error: No verdict, or no skops.
        OSError: The target cannot be written.
    """
    most = None if max_shard_size is None else shard_size(max_shard_size)
    client = _shared_client(address)
    return _convert(client, Path(source), Path(target), policy, key, most, progress)
