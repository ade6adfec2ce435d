"""What the daemon has to say to each scenario of the hostile worker."""

from __future__ import annotations

from dataclasses import dataclass

from .tensor_expectations import TENSORS

OK = "ACCEPTED"
PROTOCOL = "WORKER_PROTOCOL"
SYSCALL = "WORKER_KILLED_SYSCALL"
SIGNAL = "WORKER_KILLED_SIGNAL"
NOT_WRITTEN = "result: decoded data is told of that was not written"
SIZES = "its sizes are not those of what was sent"
EARLY = "ended without a result: the worker ended without an error"
BOUNDS = "a buffer lies outside of its bytes"
NOT_HERE = "is not allowed here"
ELSEWHERE = "where no policy can let a name stand"
UNLISTED = "the policy does not list the name"


@dataclass(frozen=True)
class Expected:
    """The rule of the first ERROR, or ACCEPTED, and what its message has to hold."""

    rule: str
    says: str = ""
    # Needs the daemon whose wall time is short.
    slow: bool = False
    # The worker races with the daemon's seal: acceptance, of what was sealed, is right too.
    race: bool = False
    # False: sanitizers set no limit of memory, and need system calls that others may not make.
    sanitized: bool = True


def _frames() -> dict[str, Expected]:
    broken = {
        "frame-unknown-type": "unknown frame type 63",
        "frame-type-zero": "unknown frame type 0",
        "frame-type-255": "unknown frame type 255",
        "frame-empty-packet": EARLY,
        "frame-one-byte-too-long": "longer than a packet",
        "frame-twice-too-long": "longer than a packet",
        "frame-empty-graph": "a graph frame is empty",
        "frame-empty-provenance": "a provenance frame is empty",
        "frame-empty-result": "a result frame is empty",
        "frame-job": f"frame 'J' {NOT_HERE}",
        "frame-ready-again": f"frame 'Y' {NOT_HERE}",
        "frame-failed-late": f"frame 'F' {NOT_HERE}",
        "frame-end-only": f"frame 'E' {NOT_HERE}",
        "frame-end-with-bytes": "the end frame is not empty",
        "frame-end-without-result": f"frame 'E' {NOT_HERE}",
        "frame-provenance-first": f"frame 'P' {NOT_HERE}",
        "frame-graph-after-provenance": f"frame 'G' {NOT_HERE}",
        "frame-graph-after-result": f"frame 'G' {NOT_HERE}",
        "frame-provenance-after-result": f"frame 'P' {NOT_HERE}",
        "frame-no-graph": SIZES,
        "frame-no-provenance": SIZES,
        "frame-graph-twice": "one element a node",
        "frame-provenance-twice": SIZES,
        "close-at-once": EARLY,
        "close-after-graph": EARLY,
        "close-after-provenance": EARLY,
        "close-after-result": EARLY,
        "endless-graph": "bytes of graph",
        "endless-provenance": "bytes of provenance",
        "endless-result": "bytes of result",
        "violation-short": "wrong size",
        "violation-long": "wrong size",
    }
    return {name: Expected(PROTOCOL, says) for name, says in broken.items()} | {
        "honest-frames": Expected(OK),
        # Chunks of one message may be cut anywhere, so that two results are one.
        "frame-result-twice": Expected(OK),
        # The filter of a sanitizer's build lets it close.
        "close-and-live-on": Expected(SYSCALL, "close", sanitized=False),
        # The daemon has stopped to read.
        "frame-after-the-end": Expected(OK),
        "endless-small-frames": Expected("WORKER_DEADLINE", "max_wall_time", slow=True),
        "drip": Expected("WORKER_DEADLINE", "max_wall_time", slow=True),
        # A worker may lie about why it ends; it refuses its own artifact.
        "violation-forged": Expected(SYSCALL, "openat"),
        "violation-of-nothing": Expected(SYSCALL, "number 4294967295"),
    }


def _decoded() -> dict[str, Expected]:
    return {
        "decoded-honest": Expected(OK),
        # What stood in the file when it was sealed is what was verified.
        "decoded-written-after-the-end": Expected(OK),
        "decoded-mapped-at-the-end": Expected(OK),
        "decoded-mapped-for-ever": Expected(OK),
        "artifact-mapped-writable": Expected(OK),
        # What it wrote besides is cut off.
        "decoded-grown-after-the-end": Expected(OK),
        "decoded-more-than-told": Expected(OK),
        "decoded-filled-to-the-grant": Expected(OK),
        # The page is there; its rest is zeros.
        "decoded-half-written": Expected(OK),
        "decoded-truncated": Expected(SYSCALL, "ftruncate"),
        "decoded-not-written": Expected(PROTOCOL, NOT_WRITTEN),
        "decoded-sparse": Expected(PROTOCOL, NOT_WRITTEN),
        "decoded-filled": Expected("BUDGET_DECODED", "max_decoded_bytes"),
        "decoded-sealed-by-the-worker": Expected(SYSCALL, "fcntl"),
    }


def _processes() -> dict[str, Expected]:
    return {
        "wait-for-ever": Expected("WORKER_DEADLINE", "max_wall_time", slow=True),
        "spin-for-ever": Expected("WORKER_CPU_LIMIT", "max_cpu_time"),
        "allocate-for-ever": Expected("WORKER_MEMORY_LIMIT", "max_heap_bytes", sanitized=False),
        "overflow-the-stack": Expected(SIGNAL, "SIGSEGV"),
        "die-by-segv": Expected(SIGNAL, "SIGSEGV"),
        "die-by-bus": Expected(SIGNAL, "SIGBUS"),
        "die-by-fpe": Expected(SIGNAL, "SIGFPE"),
        "die-by-ill": Expected(SIGNAL, "SIGILL"),
        "die-by-trap": Expected(SIGNAL, "SIGTRAP"),
        # The kernel kills without a word of which call it was.
        "other-architecture": Expected(SYSCALL, "a system call of another architecture"),
        "kill-itself": Expected(SYSCALL, "kill"),
        "stop-itself": Expected(SYSCALL, "kill"),
        "terminate-itself": Expected(SYSCALL, "kill"),
        "abort-itself": Expected(SYSCALL, "kill"),
        "signal-a-thread": Expected(SYSCALL, "tgkill"),
        "send-descriptors": Expected(SYSCALL, "sendmsg"),
        "exit-1": Expected(PROTOCOL, "exited with code 1"),
        "exit-as-memory-limit": Expected("WORKER_MEMORY_LIMIT", "max_heap_bytes"),
        "exit-as-file-limit": Expected("BUDGET_DECODED", "max_decoded_bytes"),
        "exit-as-cpu-limit": Expected("WORKER_CPU_LIMIT", "max_cpu_time"),
        # Its handler's exit code without the handler's frame.
        "exit-as-forbidden-call": Expected(SYSCALL, "a system call of another architecture"),
        "exit-as-abort": Expected(PROTOCOL, "the worker aborted"),
        "exit-as-lock-down": Expected(PROTOCOL, "exited with code 101"),
        "exit-as-bad-job": Expected(PROTOCOL, "a job that makes no sense"),
        "exit-255": Expected(PROTOCOL, "exited with code 255"),
        # The output was whole: how the worker ends adds nothing to it.
        "output-then-exit-1": Expected(OK),
        "output-then-segv": Expected(OK),
        "output-then-wait": Expected(OK),
        "output-then-spin": Expected(OK),
    }


def _results() -> dict[str, Expected]:
    broken = {
        "result-garbage": "result: does not parse",
        "result-truncated": "result: does not parse",
        "result-graph-bytes-huge": SIZES,
        "result-provenance-bytes-huge": SIZES,
        "result-decoded-size-huge": "result: more decoded data is told of than there may be",
        "result-decoded-size-a-page-more": NOT_WRITTEN,
        "result-decoded-size-one-less": BOUNDS,
        "result-accepts-without-graph": "graph: no nodes",
        "result-error-beside-graph": "a graph beside a finding of severity ERROR",
        "result-warning-without-graph": "graph: no nodes",
        "result-severity-unknown": "result: severity",
        "result-severity-zero": "result: severity",
        "result-rule-empty": "result: rule id",
        "result-rule-lower-case": "result: rule id",
        "result-rule-long": "result: rule id",
        "result-text-not-utf8": "result: does not parse",
        "result-findings-101": "result: too many findings",
        "result-findings-million": "result: too many findings",
        "result-names-million": "result: too many names",
        "result-name-empty": "result: a name is empty or longer",
        "result-name-long": "result: a name is empty or longer",
        "result-format-shape": "result: format",
        "result-format-long": "result: format",
        "result-unknown-field": "result: unknown field",
        "result-unknown-field-huge": "result: unknown field",
        "provenance-short": "provenance: does not have one element a node",
        "provenance-long": "provenance: does not have one element a node",
        "provenance-many-offsets": "provenance: does not have one element a node",
        "provenance-garbage": "provenance: ",
        "provenance-unknown-field": "provenance: unknown field",
        "provenance-wrong-wire-type": "provenance: unknown field",
    }
    return {name: Expected(PROTOCOL, says) for name, says in broken.items()} | {
        # Zeros that are a part of the last page.
        "result-decoded-size-one-more": Expected(OK),
        "result-accepts-a-bad-graph": Expected("NAME_NOT_LISTED", "posix.system"),
        "result-notes-flood": Expected("NAME_NOT_LISTED", "posix.system"),
        "result-name-not-listed": Expected("NAME_NOT_LISTED", "posix.system"),
        "result-name-control": Expected("NAME_NOT_LISTED", r"posix\x0a\x1b[2J.system"),
        # Only the worker knows the format; it decides nothing.
        "result-format-other": Expected(OK),
        # The worker's own words, escaped and cut.
        "result-texts-huge": Expected("HOSTILE_SAYS", r"\x1b\x1b"),
        "provenance-lies": Expected("NAME_NOT_LISTED", "posix.system"),
    }


def _columns() -> dict[str, Expected]:
    broken = {
        "graph-garbage": "graph: does not parse",
        "graph-truncated": "graph: does not parse",
        "graph-unknown-field": "graph: unknown field",
        "graph-wrong-wire-type": "graph: unknown field",
        "graph-group": "graph: unknown field",
        "graph-unknown-field-in-name": "graph: unknown field",
        "graph-no-nodes": "graph: no nodes",
        "graph-string-not-utf8": "graph: does not parse",
        "graph-many-kinds": "too many nodes",
        "graph-many-strings": "takes more memory than its job may",
        "counts-short": "node columns differ in length",
        "counts-long": "node columns differ in length",
        "counts-wrap": "operand counts do not sum up",
        "operands-short": "operand counts do not sum up",
        "operands-long": "operand counts do not sum up",
        "kind-zero": "unknown kind",
        "kind-unused": "unknown kind",
        "kind-negative": "unknown kind",
        "operands-missing": "NODE_KIND_INT: number of operands",
        "operands-too-many": "NODE_KIND_NONE: number of operands",
        "root-outside": "the root is no node",
        "root-absent": "the root is no node",
        "unreachable": "cannot be reached from the root",
        "node-outside": "NODE_KIND_LIST: operands",
        "node-absent-in-list": "NODE_KIND_LIST: operands",
        "int-outside": "NODE_KIND_INT: an operand is out of range",
        "float-outside": "NODE_KIND_FLOAT: an operand is out of range",
        "string-outside": "NODE_KIND_STR: an operand is out of range",
        "blob-outside": "NODE_KIND_BYTES: an operand is out of range",
        "name-outside": "NODE_KIND_GLOBAL: an operand is out of range",
        "buffer-index-outside": "NODE_KIND_BYTES_BUFFER: an operand is out of range",
        "key-outside": "NODE_KIND_DICT_STR: operands",
        "run-outside": "NODE_KIND_LIST_INT: run",
        "run-too-long": "NODE_KIND_LIST_INT: run",
        "run-wraps": "NODE_KIND_LIST_INT: run",
        "callee-no-name": "NODE_KIND_CALL: the callee is no name",
        "class-no-name": "NODE_KIND_OBJECT: the callee is no name",
        "arguments-no-tuple": "NODE_KIND_CALL: arguments",
        "blob-long": "a blob is longer than 4 KiB",
        "big-int-empty": "empty integer",
        "typestr-garbage": "NODE_KIND_DTYPE: typestr",
        "typestr-objects": "NODE_KIND_NDARRAY: dtype",
        "typestr-huge": "NODE_KIND_DTYPE: typestr",
        "typestr-other-size": "not shape times item size",
        "dimension-negative": "NODE_KIND_NDARRAY: shape",
        "dimension-lowest": "NODE_KIND_NDARRAY: shape",
        "dimension-larger": "not shape times item size",
        "shape-overflow": "NODE_KIND_NDARRAY: shape",
        "shape-times-size-overflow": "NODE_KIND_NDARRAY: shape",
        "shape-with-a-zero": "NODE_KIND_NDARRAY: shape",
        "shape-of-nothing": "elements without size",
        "rank-33": "NODE_KIND_NDARRAY: rank",
        "order-unknown": "NODE_KIND_NDARRAY: order",
        "record-field-outside": "a field lies outside of its record",
        "record-negative": "NODE_KIND_DTYPE_RECORD: item size",
        "scalar-length": "NODE_KIND_SCALAR: length",
        "objects-shape": "NODE_KIND_OBJECT_NDARRAY: shape",
        "buffer-columns-differ": "buffer columns differ in length",
        "buffer-source-unknown": "a buffer has no known source",
        "buffer-source-zero": "a buffer has no known source",
        "buffer-outside-artifact": BOUNDS,
        "buffer-outside-decoded": BOUNDS,
        "buffer-length-huge": BOUNDS,
        "buffer-wraps": BOUNDS,
    }
    return {name: Expected(PROTOCOL, says) for name, says in broken.items()} | {
        "honest": Expected(OK),
        # Python's lists may hold themselves.
        "cycle-of-lists": Expected(OK),
        "cycle-of-tuples": Expected("OBJECT_CYCLE"),
        "cycle-of-list-and-tuple": Expected("OBJECT_CYCLE"),
        "cycle-of-sets": Expected("OBJECT_CYCLE"),
        "cycle-of-an-object": Expected("OBJECT_CYCLE"),
        "cycle-of-a-record": Expected("OBJECT_CYCLE"),
        "deep-lists": Expected("BUDGET_DEPTH", "deeper than 1000"),
        "set-of-lists": Expected("STATE_RULE", "no plain value"),
        # Read-only views of the same bytes harm nobody, unless they ask for endless copies.
        "buffers-overlap": Expected(OK),
        "buffers-overlap-many-times": Expected("ARRAY_BOUNDS", "share their bytes"),
    }


def _names() -> dict[str, Expected]:
    anywhere = (
        "name-as-root", "name-in-list", "name-in-tuple", "name-in-set", "name-as-dict-value",
        "name-as-dict-key", "name-in-slice", "name-in-object-array", "name-as-state", "name-as-items",
    )  # fmt: skip
    listed = {
        "class-where-a-function-is-listed": "which is never a value",
        "factory-where-a-function-is-listed": "which is never a value",
        "function-at-another-key": "lets it stand elsewhere only",
        "function-of-another-class": "lets it stand elsewhere only",
        "function-in-a-shared-state": ELSEWHERE,
        "function-as-class": "as TRUST_NAME only",
        "function-as-callee": "as TRUST_NAME only",
        "class-as-callee": "as TRUST_NEW_DICT only",
        "lowered-factory-as-callee": "as TRUST_FACTORY only",
        "factory-as-class": "as TRUST_FACTORY only",
    }
    unlisted = {
        "name-as-class": "an object of class posix.system",
        "name-as-callee": "a call of posix.system",
        "name-as-argument": "at @DEFAULTDICT",
        "name-in-state": "StandardScaler.mean_",
        "name-at-a-listed-place": "FunctionTransformer.func",
        "name-split-elsewhere": "an object of class",
        "name-with-a-dot": "numpy.log1p.__globals__",
        "name-with-nul": "numpy.log1p",
        "name-of-other-letters": UNLISTED,
        "name-that-nothing-uses": "which the policy does not list and nothing uses",
    }
    return (
        {name: Expected("NAME_NOT_LISTED", ELSEWHERE) for name in anywhere}
        | {name: Expected("NAME_NOT_LISTED", says) for name, says in unlisted.items()}
        | {name: Expected("NAME_NOT_HERE", says) for name, says in listed.items()}
        | {
            "function-at-its-place": Expected(OK),
            # The report names them all the same.
            "names-that-the-result-hides": Expected(OK),
            "name-empty": Expected(PROTOCOL, "a name is empty or longer than 512 bytes"),
            "name-too-long": Expected(PROTOCOL, "a name is empty or longer than 512 bytes"),
        }
    )


def _models() -> dict[str, Expected]:
    children = "children of node"
    trees = {
        "tree-child-outside": children,
        "tree-child-huge": children,
        "tree-child-negative": children,
        "tree-child-is-itself": children,
        "tree-child-before-its-parent": children,
        "tree-child-twice": children,
        "tree-half-a-leaf": children,
        "tree-feature-outside": "the feature of node 0",
        "tree-feature-negative": "the feature of node 0",
        "tree-count-lies": "node_count is not that of nodes",
        "tree-count-negative": "node_count is not that of nodes",
        "tree-depth-lies": "max_depth is not that of the nodes",
        "tree-no-nodes": "a Tree without nodes",
        "tree-values-short": "the values of a Tree",
        "tree-features-huge": "Tree takes n_features",
    }
    return {name: Expected("INVARIANT_TREE", says) for name, says in trees.items()} | {
        "tree-honest": Expected(OK),
        "tree-of-another-width": Expected("INVARIANT_TREE_OWNER", "n_features_in_"),
        "state-honest": Expected(OK),
        "state-forced": Expected(OK),
        "state-shape": Expected("STATE_RULE", "is not n_features_in_"),
        "state-dunder": Expected("DUNDER_KEY", "__array_interface__"),
        "state-shadows": Expected("SHADOWS_CLASS_ATTRIBUTE", "transform"),
        "state-key-twice": Expected("STATE_RULE"),
        "state-key-no-str": Expected("KEY_NOT_STR"),
        "generator-honest": Expected(OK),
        "generator-position": Expected("INVARIANT_RANDOM"),
    }


def _boosters() -> dict[str, Expected]:
    lies = {
        "xgboost-objective": "the objective",
        "xgboost-features-huge": "num_feature is out of range",
        "xgboost-targets-huge": "num_target is out of range",
        "xgboost-group-outside": "tree_info is out of range",
        "xgboost-nodes-lie": "another length",
        "xgboost-child-outside": "a child is out of range",
        "xgboost-child-is-itself": "a child is out of range",
        "xgboost-child-twice": "two parents",
        "xgboost-parents-lie": "parents and children",
        "xgboost-feature-outside": "a split index is out of range",
        "xgboost-column-short": "another length",
        "xgboost-column-of-another-type": "no column of its type",
    }
    return {name: Expected("INVARIANT_XGBOOST", says) for name, says in lies.items()} | {
        "xgboost-honest": Expected(OK),
        "xgboost-bytes": Expected("STATE_RULE", "'handle'"),
        "xgboost-short-bytes": Expected("STATE_RULE", "'handle'"),
        "lightgbm-text": Expected("STATE_RULE", "'_handle'"),
    }


def _work() -> dict[str, Expected]:
    shared = ("state", "tree-nodes", "columns", "trees")
    return {f"work-shared-{what}": Expected("BUDGET_CHECKS") for what in shared} | {
        "work-names-in-a-state": Expected("BUDGET_CHECKS"),
        "work-shared-items": Expected("HASH_COLLISIONS", "collide"),
        "work-deep-findings": Expected("BUDGET_DEPTH"),
        "work-wide-findings": Expected("NAME_NOT_LISTED", "posix.system0"),
    }


EXPECTED: dict[str, Expected] = (
    _frames()
    | _decoded()
    | _processes()
    | _results()
    | _columns()
    | _names()
    | _models()
    | _boosters()
    | {name: Expected(rule, says) for name, (rule, says) in TENSORS.items()}
    | _work()
)
