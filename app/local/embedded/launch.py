"""What becomes an embedded service: the step between the parent's fork and the service's first instruction.

Run as a script of its own, with the standard library only. It gives up root where asked, asks the kernel to
end this process with its parent (Linux), and turns into the service. A `preexec_fn` could do the same, but
Python code between fork and exec can deadlock in a process with threads.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main(parent_pid: int, death_signal: int, account: str, command: list[str]) -> None:
    """Become `command`.

    Args:
        parent_pid: the process to end with.
        death_signal: what the kernel sends here when the parent thread that started this ends.
        account: `uid:gid` to run as, or empty for the present user.
        command: the program, by its absolute path, and its arguments.
    """
    if account:
        uid, gid = account.split(":")
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    if sys.platform == "linux":
        # After the change of user, which would clear it.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent_pid:
            sys.exit("The process that started this has ended")
    os.execv(command[0], command)  # noqa: S606 -- no shell is the point


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
