"""`python as_nobody.py PARENT COMMAND…`: a command as the user nobody that ends with its parent (Linux, started by root).

PostgreSQL refuses to run as root. The order matters: changing the user clears what ties a process to its parent.
"""

import ctypes
import os
import pwd
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> int:
    parent, command = int(sys.argv[1]), sys.argv[2:]
    nobody = pwd.getpwnam("nobody")
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before we asked
        return 1
    os.execv(command[0], command)


if __name__ == "__main__":
    sys.exit(main())
