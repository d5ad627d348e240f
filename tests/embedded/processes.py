"""What the tests ask about the processes of a service."""

import psutil


def family_of(pid: int) -> list[psutil.Process]:
    """Return a process and all that descend from it."""
    main = psutil.Process(pid)
    return [main, *main.children(recursive=True)]


def lives(process: psutil.Process) -> bool:
    """Tell whether a process runs; where no init takes notice, an orphan stays listed when it has ended."""
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def addresses_listened_on(pid: int) -> set[str]:
    """Return the local addresses that a process takes connections on."""
    return {
        connection.laddr.ip.removeprefix("::ffff:")
        for connection in psutil.Process(pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
