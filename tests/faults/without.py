"""Runs a command in a world without some calls of the kernel: `python -m faults.without NAME... -- COMMAND`.

A seccomp filter answers as a kernel or a container would that does not have them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys

# <linux/filter.h>, <linux/seccomp.h>, <linux/sched.h>
LOAD, JUMP_EQUAL, JUMP_BITS, RETURN = 0x20, 0x15, 0x45, 0x06
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
NUMBER_AT, FLAGS_AT = 0, 16
CLONE_NEWUSER = 0x10000000
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2

X86 = platform.machine() == "x86_64"
CLONE, UNSHARE, SECCOMP = (56, 272, 317) if X86 else (220, 97, 277)
LANDLOCK = (444, 445, 446)


def instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def refuse(number: int, error: int) -> list[bytes]:
    return [instruction(JUMP_EQUAL, number, 0, 1), instruction(RETURN, ERRNO | error)]


def refuse_if(number: int, argument_at: int, bits: int, error: int) -> list[bytes]:
    """The call with any of these bits in an argument; the number is loaded again behind it."""
    return [
        instruction(JUMP_EQUAL, number, 0, 4),
        instruction(LOAD, argument_at),
        instruction(JUMP_BITS, bits, 0, 1),
        instruction(RETURN, ERRNO | error),
        instruction(LOAD, NUMBER_AT),
    ]


RULES = {
    # As a container's default profile refuses them.
    "namespaces": refuse_if(CLONE, FLAGS_AT, CLONE_NEWUSER, errno.EPERM) + refuse(UNSHARE, errno.EPERM),
    # As a kernel before 5.13, or one that was built without it.
    "landlock": [part for number in LANDLOCK for part in refuse(number, errno.ENOSYS)],
    "seccomp": refuse(SECCOMP, errno.ENOSYS),
}


def forbid(names: list[str]) -> None:
    code = [instruction(LOAD, NUMBER_AT)]
    for name in names:
        code += RULES[name]
    code.append(instruction(RETURN, ALLOW))
    program = b"".join(code)
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(code), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    for call in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0)):
        if libc.prctl(*call) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    end = sys.argv.index("--")
    forbid(sys.argv[1:end])
    os.execv(sys.argv[end + 1], sys.argv[end + 1 :])
