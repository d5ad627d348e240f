"""What the tests ask about the processes of a service."""

from contextlib import suppress

import psutil


def family_of(pid: int) -> list[psutil.Process]:
    """Return a process and all that descend from it."""
    main = psutil.Process(pid)
    return [main, *main.children(recursive=True)]


def lives(process: psutil.Process) -> bool:
    """Tell whether a process runs; where no init takes notice, an orphan stays listed when it has ended."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def freeze(processes: list[psutil.Process]) -> None:
    """Suspend processes; PostgreSQL's come and go, and one may have ended since it was listed."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.suspend()


def thaw(processes: list[psutil.Process]) -> None:
    """Let them go on."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.resume()


def addresses_listened_on(pid: int) -> set[str]:
    """Return the local addresses that a process takes connections on."""
    return {
        connection.laddr.ip.removeprefix("::ffff:")
        for connection in psutil.Process(pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
