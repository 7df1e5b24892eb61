"""How an engine process gives up everything it does not need. Each means that is missing is left out and named so."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Callable

LINUX = sys.platform == "linux"
NOBODY = 65534
CLONE_NEWUSER, CLONE_NEWNET, CLONE_NEWIPC = 0x10000000, 0x40000000, 0x08000000
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
MOST_FILES = 64

# System calls an engine makes once it stands, by machine: (audit architecture, numbers).
_MACHINES: dict[str, tuple[int, dict[str, int]]] = {
    "x86_64": (
        0xC000003E,
        dict(
            read=0, write=1, close=3, fstat=5, poll=7, lseek=8, mmap=9, mprotect=10, munmap=11, brk=12, rt_sigaction=13,
            rt_sigprocmask=14, rt_sigreturn=15, pread64=17, select=23, sched_yield=24, mremap=25, madvise=28,
            nanosleep=35, setitimer=38, getpid=39, sendto=44, recvfrom=45, sendmsg=46, recvmsg=47, clone=56, exit=60,
            fcntl=72, gettimeofday=96, getrusage=98, sysinfo=99, times=100, sigaltstack=131, sched_getparam=143,
            sched_getscheduler=145, gettid=186, time=201, futex=202, sched_getaffinity=204, restart_syscall=219,
            clock_gettime=228, clock_getres=229, clock_nanosleep=230, exit_group=231, tgkill=234, pselect6=270,
            ppoll=271, set_robust_list=273, prlimit64=302, getrandom=318, membarrier=324, pkey_mprotect=329,
            pkey_alloc=330, pkey_free=331, rseq=334, clone3=435,
        ),
    ),
    "aarch64": (
        0xC00000B7,
        dict(
            fcntl=25, close=57, lseek=62, read=63, write=64, pread64=67, pselect6=72, ppoll=73, fstat=80, exit=93,
            exit_group=94, futex=98, set_robust_list=99, nanosleep=101, setitimer=103, clock_gettime=113,
            clock_getres=114, clock_nanosleep=115, sched_getscheduler=120, sched_getparam=121, sched_getaffinity=123,
            sched_yield=124, restart_syscall=128, tgkill=131, sigaltstack=132, rt_sigaction=134, rt_sigprocmask=135,
            rt_sigreturn=139, times=153, getrusage=165, gettimeofday=169, getpid=172, gettid=178, sysinfo=179,
            sendto=206, recvfrom=207, sendmsg=211, recvmsg=212, brk=214, munmap=215, mremap=216, clone=220, mmap=222,
            mprotect=226, madvise=233, prlimit64=261, getrandom=278, membarrier=283, pkey_mprotect=288,
            pkey_alloc=289, pkey_free=290, rseq=293, clone3=435,
        ),
    ),
}  # fmt: skip

_libc = ctypes.CDLL(None, use_errno=True)


def enter_namespaces() -> list[str]:
    """Leave network, IPC and, when root, the user behind. For the zygote, which has one thread."""
    means = []
    if LINUX and os.geteuid() == 0 and _libc.unshare(CLONE_NEWNET | CLONE_NEWIPC) == 0:
        means.append("namespaces")
    elif LINUX and _libc.unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC) == 0:
        return ["namespaces"]
    if os.geteuid() == 0 and _become_nobody():
        means.append("unprivileged_user")
    return means


def _become_nobody() -> bool:
    try:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    except OSError:
        return False
    return True


def open_proc(name: str, flags: int) -> int | None:
    """A file of /proc/self, held from before the file system is out of reach; None where there is none."""
    if LINUX:
        _libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # a change of user hides it from its own process
    try:
        return os.open(f"/proc/self/{name}", flags | os.O_CLOEXEC)
    except OSError:
        return None


def lock_down() -> list[str]:
    """Everything an engine does to itself before its first isolate; the means that took."""
    steps: list[tuple[str, Callable[[], bool]]] = [("rlimits", _limit_resources)]
    if LINUX:
        steps += [
            ("dies_with_parent", _die_with_parent),
            ("no_new_privileges", lambda: _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0),
            ("no_capabilities", _drop_capabilities),
            ("landlock", _landlock),
            ("seccomp", _seccomp),
        ]
    return [name for name, step in steps if step()]


def _limit_resources() -> bool:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MOST_FILES, MOST_FILES))
    return True


def _die_with_parent() -> bool:
    parent = os.getppid()
    done = _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) == 0
    if os.getppid() != parent:
        os._exit(0)
    return done and _libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0


def _drop_capabilities() -> bool:
    head = struct.pack("=Ii", 0x20080522, 0)
    return bool(_libc.capset(head, bytes(24)) == 0)


def _landlock() -> bool:
    """No file, no TCP port, no signal to others."""
    version = _libc.syscall(444, None, 0, 1)
    if version < 1:
        return False
    files = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF}.get(version, 0xFFFF)
    rules = struct.pack("=QQQ", files, 3, 3)[: 8 if version < 4 else 16 if version < 6 else 24]
    ruleset = _libc.syscall(444, rules, len(rules), 0)
    if ruleset < 0:
        return False
    done = _libc.syscall(446, ruleset, 0) == 0
    os.close(ruleset)
    return done


def _seccomp() -> bool:
    if platform.machine() not in _MACHINES:
        return False
    program = build_filter(*_MACHINES[platform.machine()], os.getpid())
    code = ctypes.create_string_buffer(program)
    header = struct.pack("=HxxxxxxQ", len(program) // 8, ctypes.addressof(code))
    return bool(_libc.prctl(PR_SET_SECCOMP, 2, header, 0, 0) == 0)


def build_filter(architecture: int, numbers: dict[str, int], pid: int) -> bytes:
    """The allow-list as BPF. New processes, signals to others and others' limits are refused, threads are not."""
    load, equal, bit_set, give = 0x20, 0x15, 0x45, 0x06
    allow, kill = 0x7FFF0000, 0x80000000
    refuse = {name: 0x00050000 | number for name, number in (("EPERM", errno.EPERM), ("ENOSYS", errno.ENOSYS))}
    first_argument = 16
    conditions = {"clone": (bit_set, 0x10000), "tgkill": (equal, pid), "prlimit64": (equal, 0)}

    def step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
        return struct.pack("=HBBI", code, yes, no, value)

    program = [step(load, 4), step(equal, architecture, 1, 0), step(give, kill), step(load, 0)]
    for name, number in numbers.items():
        if name == "clone3":  # its flags are behind a pointer; without it the C library falls back to clone
            program += [step(equal, number, 0, 1), step(give, refuse["ENOSYS"])]
        elif name in conditions:
            test, value = conditions[name]
            program += [step(equal, number, 0, 4), step(load, first_argument), step(test, value, 0, 1)]
            program += [step(give, allow), step(give, refuse["EPERM"])]
        else:
            program += [step(equal, number, 0, 1), step(give, allow)]
    return b"".join([*program, step(give, refuse["EPERM"])])
