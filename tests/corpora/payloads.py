"""Attacks written in pickle opcodes, one builder function a class of bypass.

Where a payload can run, it would create the file `canary`; nothing here runs it.
"""

from __future__ import annotations

from collections.abc import Iterator

from . import opcodes as op
from .case import Case, case

NOT_LISTED = "NAME_NOT_LISTED"
NOT_HERE = "NAME_NOT_HERE"
OPERAND = "UNSAFE_NAME_OPERAND"
FORBIDDEN = "FORBIDDEN_OPCODE"
MALFORMED = "MALFORMED"
TRUNCATED = "TRUNCATED"
TRAILING = "TRAILING_DATA"
MEMO = "MEMO_MISSING"
UNDERFLOW = "STACK_UNDERFLOW"


def system(canary: str) -> op.Raw:
    """The simplest payload: a call of posix.system that would write a file."""
    return op.call(op.global_("posix", "system"), f"touch {canary}")


# Names that run code, start programs, walk attributes or open another loader. A list of
# bad names proves nothing by itself: it shows that none of them needed to be known.
CALLABLES = [
    ("posix", "system"), ("os", "system"), ("nt", "system"), ("os", "popen"),
    ("posix", "execv"), ("posix", "posix_spawn"), ("subprocess", "Popen"),
    ("subprocess", "check_output"), ("builtins", "eval"), ("builtins", "exec"),
    ("builtins", "compile"), ("builtins", "open"), ("builtins", "__import__"),
    ("builtins", "getattr"), ("builtins", "setattr"), ("builtins", "type"),
    ("builtins", "map"), ("builtins", "vars"), ("builtins", "print"),
    ("__builtin__", "eval"), ("__builtin__", "file"), ("__builtin__", "apply"),
    ("commands", "getoutput"), ("cPickle", "loads"), ("httplib", "HTTPSConnection"),
    ("importlib", "import_module"), ("importlib", "reload"), ("runpy", "run_path"),
    ("runpy", "_run_code"), ("code", "InteractiveInterpreter"), ("codeop", "compile_command"),
    ("operator", "attrgetter"), ("operator", "methodcaller"), ("operator", "itemgetter"),
    ("_operator", "attrgetter"), ("functools", "partial"), ("functools", "reduce"),
    ("pkgutil", "resolve_name"), ("pydoc", "locate"), ("pydoc", "pipepager"),
    ("cProfile", "runctx"), ("profile", "run"), ("timeit", "timeit"), ("trace", "Trace"),
    ("bdb", "Bdb"), ("pdb", "run"), ("doctest", "debug_script"), ("venv", "create"),
    ("uuid", "_get_command_stdout"), ("ctypes", "CDLL"), ("_ctypes", "dlopen"),
    ("socket", "create_connection"), ("urllib.request", "urlopen"), ("shutil", "rmtree"),
    ("distutils.spawn", "spawn"), ("distutils.file_util", "write_file"),
    ("asyncio.unix_events", "_UnixSubprocessTransport._start"),
    ("idlelib.pyshell", "ModifiedInterpreter.runcommand"), ("idlelib.run", "Executive.runcode"),
    ("lib2to3.pgen2.grammar", "Grammar.loads"), ("lib2to3.pgen2.pgen", "ParserGenerator"),
    ("numpy.f2py.crackfortran", "getlincoef"), ("numpy.testing._private.utils", "runstring"),
    ("numpy", "load"), ("numpy", "vectorize"), ("numpy", "fromfile"), ("numpy", "memmap"),
    ("numpy.ctypeslib", "load_library"), ("numpy.distutils.exec_command", "exec_command"),
    ("pickle", "loads"), ("_pickle", "loads"), ("pickle", "Unpickler"), ("joblib", "load"),
    ("joblib.numpy_pickle", "load"), ("pandas", "read_pickle"), ("cloudpickle", "loads"),
    ("cloudpickle.cloudpickle", "_make_function"), ("dill", "loads"), ("marshal", "loads"),
    ("types", "CodeType"), ("types", "FunctionType"), ("torch", "load"),
    ("torch.storage", "_load_from_bytes"), ("torch.hub", "load"), ("yaml", "unsafe_load"),
    ("sklearn.utils._testing", "assert_run_python_script"), ("sklearn.externals", "joblib"),
    ("sklearn", "os.system"), ("scipy.stats._distn_infrastructure", "rv_continuous"),
    ("scipy.stats._continuous_distns", "norm_gen"), ("__main__", "Model"),
    ("loadlock", "load"), ("loadlock.client", "Client"), ("copyreg", "add_extension"),
    ("copyreg", "_reconstructor"), ("site", "addsitedir"), ("linecache", "getlines"),
    ("webbrowser", "open"), ("smtplib", "SMTP"), ("signal", "raise_signal"), ("os", "kill"),
]  # fmt: skip

# Those that a policy lists for one use, which is not this.
LISTED = (
    "builtins.getattr", "copyreg._reconstructor", "functools.partial", "numpy.memmap", "numpy.vectorize",
    "scipy.stats._continuous_distns.norm_gen", "torch.storage._load_from_bytes",
)  # fmt: skip


def unlisted_calls(canary: str) -> Iterator[Case]:
    """Every name above, called in every way that pickle has, and only named."""
    arg = f"touch {canary}"
    for module, name in CALLABLES:
        full = f"{module}.{name}"
        if "." in name:
            rules = (NOT_LISTED, OPERAND)
        elif full in LISTED:
            rules = (NOT_LISTED, NOT_HERE, "SCHEMA", "STATE_RULE", "INVARIANT_DISTRIBUTION")
        else:
            rules = (NOT_LISTED,)
        ref = op.global_(module, name)
        sref = op.stack_global(module, name)
        ways = {
            "reduce": op.stream(op.call(ref, arg)),
            "stack-global": op.stream(op.call(sref, arg), 4),
            "inst": op.stream(op.inst(module, name, arg), 0),
            "obj": op.stream(op.call_obj(ref, arg), 1),
            "newobj": op.stream(op.new(ref, arg)),
            "newobj-ex": op.stream(op.new_ex(sref, arg, x=1), 4),
            "named": op.stream(op.value({"weights": op.Raw(ref)})),
            "popped": op.stream(op.call(ref, arg) + op.POP + op.NONE),
        }
        for way, data in ways.items():
            yield case(f"call-{full}-{way}", data, *rules)


def operand_encodings(canary: str) -> Iterator[Case]:
    """STACK_GLOBAL operands by every opcode that makes a string, from the memo, by DUP."""
    arg = f"touch {canary}"
    for how, write in op.STRING_WRITERS.items():
        ref = op.stack_global("posix", "system", write)
        yield case(f"operand-{how}", op.stream(op.call(ref, arg), 4), NOT_LISTED, OPERAND)
    words = op.binunicode("posix") + op.put(7) + op.POP + op.binunicode("system") + op.put(9)
    memo = words + op.POP + op.get(7) + op.get(9) + op.STACK_GLOBAL
    yield case("operand-memo", op.stream(op.call(memo, arg), 4), NOT_LISTED, names=("posix.system",))
    dup = op.binunicode("code") + op.DUP + op.STACK_GLOBAL
    yield case("operand-dup", op.stream(op.call(dup, arg), 4), NOT_LISTED, names=("code.code",))
    decoys = (
        op.binunicode("posix") + op.binunicode("numpy") + op.binunicode("mean") + op.POP + op.POP
        + op.binunicode("system") + op.MARK + op.binunicode("numpy") + op.binunicode("mean")
        + op.POP_MARK + op.STACK_GLOBAL
    )  # fmt: skip
    yield case("operand-decoys", op.stream(op.call(decoys, arg), 4), NOT_LISTED, names=("posix.system",))
    odd = {"none": op.NONE, "int": op.integer(3), "bytes": op.bytes_(b"posix"),
           "tuple": op.value(("posix",)), "list": op.value(["posix"]), "float": op.value(1.5),
           "global": op.global_("numpy", "ndarray"), "call": system(canary)}  # fmt: skip
    for what, fragment in odd.items():
        first = fragment + op.binunicode("system") + op.STACK_GLOBAL
        second = op.binunicode("posix") + fragment + op.STACK_GLOBAL
        yield case(f"operand-module-{what}", op.stream(op.call(first, arg), 4), OPERAND, NOT_LISTED)
        yield case(f"operand-name-{what}", op.stream(op.call(second, arg), 4), OPERAND, NOT_LISTED)
    for what, text in {"newline": "po\nsix", "nul": "posix\0", "empty": "", "space": "posix ",
                       "dots": "posix..system", "surrogate": "po\ud800", "long": "p" * 5000,
                       "unicode-dot": "posix\u2024", "fullwidth": "\uff50osix"}.items():  # fmt: skip
        ref = op.stack_global(text, "system", op.binunicode8)
        yield case(f"operand-text-{what}", op.stream(op.call(ref, arg), 4))


def dotted(canary: str) -> Iterator[Case]:
    """An attribute walk from an allowed module or class to something else."""
    walks = [
        ("numpy", "os.system"), ("numpy", "ndarray.tofile"), ("sklearn", "os.system"),
        ("sklearn.utils", "os.system"), ("collections", "OrderedDict.__init__.__globals__"),
        ("collections", "OrderedDict.fromkeys"), ("collections", "abc.sys.modules"),
        ("torch", "serialization.os.system"), ("numpy.core.multiarray", "_reconstruct.__class__"),
        ("builtins", "object.__subclasses__"), ("sklearn.tree._tree", "Tree.__reduce__"),
        ("sklearn.linear_model._logistic", "LogisticRegression.__init__"),
    ]  # fmt: skip
    for module, name in walks:
        for how, ref in {"global": op.global_(module, name), "stack": op.stack_global(module, name)}.items():
            data = op.stream(op.call(ref, f"touch {canary}"), 4)
            yield case(f"dotted-{module}.{name}-{how}", data, OPERAND, NOT_LISTED)


def memo_games(canary: str) -> Iterator[Case]:
    """PUT and GET out of order, after POP, twice, and of slots that do not exist."""
    arg = f"touch {canary}"
    for how, opcode in {"get": op.get(5), "binget": op.binget(5), "long-binget": op.long_binget(5),
                        "huge": op.long_binget(0xFFFFFFFF), "negative": b"g-1\n", "text": b"gx\n",
                        "empty": b"g\n", "wide": b"g99999999999999999999\n"}.items():  # fmt: skip
        yield case(f"memo-missing-{how}", op.stream(opcode), MEMO, MALFORMED)
        after = op.stream(op.call(op.global_("posix", "system"), arg) + op.POP + opcode)
        yield case(f"memo-missing-after-payload-{how}", after, MEMO, MALFORMED, NOT_LISTED)
    overwrite = (
        op.binunicode("numpy") + op.put(1) + op.POP + op.binunicode("posix") + op.put(1) + op.POP
        + op.get(1) + op.binunicode("system") + op.STACK_GLOBAL
    )  # fmt: skip
    yield case("memo-overwrite", op.stream(op.call(overwrite, arg), 4), NOT_LISTED, MALFORMED)
    unordered = (
        op.binunicode("system") + op.long_binput(70000) + op.binunicode("posix") + op.binput(3)
        + op.POP + op.POP + op.binget(3) + op.long_binget(70000) + op.STACK_GLOBAL
    )  # fmt: skip
    yield case("memo-unordered", op.stream(op.call(unordered, arg), 4), NOT_LISTED, names=("posix.system",))
    hidden = (
        op.global_("posix", "system") + op.put(0) + op.POP
        + op.call(op.get(0), arg) + op.put(1) + op.POP + op.get(1)
    )  # fmt: skip
    yield case("memo-callable", op.stream(hidden), NOT_LISTED, names=("posix.system",))
    yield case("memo-put-empty-stack", op.proto(2) + op.put(0) + op.NONE + op.STOP, UNDERFLOW, MALFORMED)
    yield case("memo-put-huge", op.stream(op.NONE + op.long_binput(0xFFFFFFF0)))
    yield case("memo-put-negative", op.stream(op.NONE + b"p-1\n"), MALFORMED, MEMO)


def extension_registry(canary: str) -> Iterator[Case]:
    """EXT codes name things that the stream does not; persistent ids and out-of-band buffers too."""
    arg = f"touch {canary}"
    for code in (1, 255, 256, 65535, 65536, 2**31 - 1, -1):
        yield case(f"ext-{code}", op.stream(op.call(op.ext(code), arg)), FORBIDDEN)
    yield case("ext-0", op.stream(b"\x82\x00"), FORBIDDEN, MALFORMED)
    yield case("persid", op.stream(op.persid("module"), 0), FORBIDDEN, "UNKNOWN_FORMAT")
    yield case("binpersid", op.stream(op.value(("storage", 1)) + op.BINPERSID), FORBIDDEN)
    yield case("next-buffer", op.stream(op.NEXT_BUFFER, 5), FORBIDDEN)
    yield case("readonly-buffer", op.stream(op.bytes_(b"x") + op.READONLY_BUFFER, 5), FORBIDDEN)
    hidden = op.call(op.global_("posix", "system"), arg) + op.POP + op.ext(1)
    yield case("ext-after-payload", op.stream(hidden), FORBIDDEN, NOT_LISTED)


def broken_streams(canary: str) -> Iterator[Case]:
    """A payload first, then something that ends a checker; and grammar errors alone."""
    payload = op.proto(2) + system(canary)
    endings = {
        "nothing": b"", "junk": b"\xff\xfe\xfd" * 20, "unknown-opcode": b"\xff.", "nul": b"\0.",
        "short-string": b"X\xff\xff\xff\x7fabc", "short-frame": b"\x95\xff\xff\xff\xff\xff\xff\xff\xff.",
        "bad-int": b"I12x\n.", "bad-float": b"Fabc\n.", "bad-utf8": b"X\x02\x00\x00\x00\xff\xfe.",
        "bad-string": b"S'abc\n.", "tuple-without-mark": b"t.", "missing-get": b"h\x63.",
        "reduce-int": b"K\x01K\x02R.", "build-nothing": b"b" * 5, "proto-9": b"\x80\x09.",
        "long-negative-size": b"\x8b\xff\xff\xff\xff.", "unterminated-line": b"cposix",
    }  # fmt: skip
    for what, ending in endings.items():
        yield case(f"payload-then-{what}", payload + ending)
        yield case(f"only-{what}", op.proto(2) + op.NONE + ending + (b"" if ending else b"N"))
    yield case("stack-underflow-pop", op.proto(2) + op.POP + op.NONE + op.STOP, UNDERFLOW, MALFORMED)
    yield case("stack-underflow-stop", op.proto(2) + op.STOP, UNDERFLOW, MALFORMED)
    for what, ops in {"reduce": b"NR", "build": b"Nb", "append": b"Na", "setitem": b"}Ns",
                      "tuple2": b"N\x86", "newobj": b"N\x81", "stack-global": b"N\x93",
                      "appends": b"]e", "setitems": b"}u", "additems": b"\x8f\x90", "list": b"l",
                      "dict": b"d", "obj": b"o", "frozenset": b"\x91", "pop-mark": b"1",
                      "reduce-below-mark": b"N(NR", "append-below-mark": b"](Na"}.items():  # fmt: skip
        yield case(f"stack-underflow-{what}", op.proto(4) + ops + op.STOP, UNDERFLOW, MALFORMED)
    yield case("odd-dict", op.stream(b"(NNNd"), MALFORMED, UNDERFLOW)
    yield case("odd-setitems", op.stream(b"}(NNNu"), MALFORMED, UNDERFLOW)
    yield case("setitem-on-list", op.stream(b"]NNs"))
    yield case("append-on-dict", op.stream(b"}Na"))
    yield case("append-on-string", op.stream(op.binunicode("x") + b"Na"))
    yield case("additems-on-list", op.stream(b"](N\x90"))
    yield case("proto-6", op.stream(op.NONE, 6), MALFORMED, "UNKNOWN_FORMAT")
    yield case("stop-below-mark", op.proto(2) + b"N(.")
    yield case("obj-empty", op.stream(b"(o"))


def frames(canary: str) -> Iterator[Case]:
    """Opcodes whose argument crosses the end of a frame, and frames that lie."""
    payload = op.call(op.stack_global("posix", "system"), f"touch {canary}") + op.STOP
    for cut in (1, 3, 8, len(payload) - 1):
        data = op.proto(4) + op.frame(payload, cut)
        yield case(f"frame-straddle-{cut}", data)
    yield case("frame-nested", op.proto(4) + op.frame(op.frame(payload)))
    yield case("frame-empty", op.proto(4) + op.frame(b"") + payload)
    yield case("frame-past-the-end", op.proto(4) + op.frame(payload, len(payload) + 1))
    benign = op.binunicode("a" * 40) + op.STOP
    for cut in (1, 4, 20):
        yield case(f"frame-straddle-benign-{cut}", op.proto(4) + op.frame(benign, cut), MALFORMED, TRUNCATED)
    yield case(
        "frame-past-the-end-benign", op.proto(4) + op.frame(benign, len(benign) + 9), MALFORMED, TRUNCATED
    )


def several_streams(canary: str) -> Iterator[Case]:
    """Loaders that are called again read on after STOP; a checker that stops does not."""
    payload = op.stream(system(canary))
    benign = op.stream(op.value({"a": 1}))
    for what, junk in {"nothing": b"", "newline": b"\n", "nul": b"\0" * 16, "text": b"junk"}.items():
        yield case(f"second-stream-after-{what}", benign + junk + payload, TRAILING)
    yield case("payload-then-benign", payload + benign, TRAILING, NOT_LISTED)
    yield case("trailing-byte", benign + b"\n", TRAILING)
    yield case("leading-byte", b"\n" + benign, "UNKNOWN_FORMAT", MALFORMED)


def setattr_by_build(canary: str) -> Iterator[Case]:
    """BUILD on a class, a module, a function, or with a slot state is setattr."""
    targets = {
        "class": op.global_("sklearn.linear_model._logistic", "LogisticRegression"),
        "ndarray": op.global_("numpy", "ndarray"), "function": op.global_("numpy", "mean"),
        "dict-class": op.global_("collections", "OrderedDict"),
        "list": op.EMPTY_LIST, "none": op.NONE, "int": op.integer(1), "string": op.binunicode("x"),
        "tuple": op.value((1,)), "dict": op.EMPTY_DICT,
    }  # fmt: skip
    for what, target in targets.items():
        for state in ({"predict": 1}, {"__class__": 1}, {"__reduce__": op.Raw(system(canary))}):
            key = next(iter(state))
            yield case(f"build-on-{what}-{key}", op.stream(op.build(target, state)))
    logistic = ("sklearn.linear_model._logistic", "LogisticRegression")
    slots = (None, {"coef_": 1.0})
    yield case("build-slot-state", op.stream(op.instance(*logistic, slots)))
    yield case("build-slot-state-both", op.stream(op.instance(*logistic, ({"C": 1.0}, {"coef_": 1.0}))))
    for what, state in {"none": None, "list": ["C"], "string": "C", "int": 3, "tuple": (1, 2, 3),
                        "callable": op.Raw(op.global_("numpy", "mean"))}.items():  # fmt: skip
        yield case(f"build-state-{what}", op.stream(op.instance(*logistic, state)))


def cycles_and_keys(canary: str) -> Iterator[Case]:
    """Objects inside themselves, and objects whose __hash__ would run."""
    pipeline = op.new(op.global_("sklearn.pipeline", "Pipeline"))
    own = op.Raw(op.get(0))
    inner = op.value({"steps": [("a", own)], "memory": None, "verbose": False})
    yield case("cycle-pipeline", op.stream(pipeline + op.put(0) + inner + op.BUILD), "OBJECT_CYCLE")
    instance = op.instance("sklearn.linear_model._base", "LinearRegression", {"n_features_in_": 1})
    yield case("key-instance", op.stream(op.value({}) + instance + op.NONE + op.SETITEM))
    items = op.EMPTY_SET + op.MARK + instance + op.ADDITEMS
    yield case("set-of-instances", op.stream(items, 4))
    yield case("frozenset-of-instances", op.stream(op.MARK + instance + op.FROZENSET, 4))
    for what, key in {"list": op.EMPTY_LIST, "dict": op.EMPTY_DICT, "set": op.EMPTY_SET}.items():
        yield case(f"key-{what}", op.stream(op.EMPTY_DICT + key + op.NONE + op.SETITEM, 4))
    payload = system(canary)
    yield case("key-payload", op.stream(op.EMPTY_DICT + payload + op.NONE + op.SETITEM), NOT_LISTED)
    holder = op.new(op.global_("sklearn.linear_model._base", "LinearRegression")) + op.EMPTY_DICT
    for what, key in {"int": op.integer(1), "none": op.NONE, "bytes": op.bytes_(b"coef_"),
                      "tuple": op.value(("coef_",)), "payload": payload}.items():  # fmt: skip
        data = op.stream(holder + key + op.NONE + op.SETITEM + op.BUILD)
        yield case(f"state-key-{what}", data, "KEY_NOT_STR", NOT_LISTED)


def expansion(canary: str) -> Iterator[Case]:
    """Few bytes that ask for much: nesting, lengths, loops of copies."""
    del canary
    yield case("deep-lists", op.stream(op.EMPTY_LIST * 1_000_000 + op.APPEND * 999_999))
    yield case("deep-tuples", op.stream(op.EMPTY_TUPLE + op.TUPLE1 * 1_000_000))
    yield case("deep-dicts", op.stream(b"}K\x01" * 200_000 + op.NONE + op.SETITEM * 200_000))
    yield case("many-marks", op.proto(2) + op.MARK * 5_000_000 + op.STOP)
    yield case("many-nodes", op.stream(op.EMPTY_LIST + op.MARK + op.EMPTY_LIST * 12_000_000 + op.APPENDS))
    for what, head in {"binunicode8": b"\x8d", "binbytes8": b"\x8e", "bytearray8": b"\x96"}.items():
        for size in (2**40, 2**63 - 1, 2**64 - 1):
            yield case(f"length-{what}-{size:x}", op.proto(5) + head + size.to_bytes(8, "little") + b"a.")
    yield case("length-binunicode", op.proto(2) + b"X\xff\xff\xff\xffa.")
    yield case("length-binbytes", op.proto(3) + b"B\xff\xff\xff\xffa.")
    yield case("length-long4", op.proto(2) + b"\x8b\xff\xff\xff\x7fa.")
    yield case("length-binstring", op.proto(2) + b"T\xff\xff\xff\x7fa.")
    yield case("long-decimal", b"L" + b"9" * 2_000_000 + b"L\n.")


BUILDERS = (
    unlisted_calls, operand_encodings, dotted, memo_games, extension_registry, broken_streams,
    frames, several_streams, setattr_by_build, cycles_and_keys, expansion,
)  # fmt: skip


def cases(canary: str) -> Iterator[Case]:
    for builder in BUILDERS:
        yield from builder(canary)
