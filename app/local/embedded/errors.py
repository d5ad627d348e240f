"""What can keep an embedded service from running, as a tree. Every message is for a person.

EmbeddedError
├── NotAvailableError      a package is missing, or has no build for this platform
├── JarUnreachableError    a jar could not be fetched
├── JarRefusedError        a jar is not the one the lock file names
├── DirectoryError         the data directory cannot be used
├── AlreadyRunningError    a service runs on this data directory already
├── PortTakenError         the port is in use
└── StartError             the service ended, or did not answer in time
"""

from models.errors import ChatlogError, MustAct


class EmbeddedError(ChatlogError):
    """An embedded service cannot be used; the message says why and what to do."""

    must_act = MustAct.OPERATOR


class NotAvailableError(EmbeddedError):
    """A package that the embedded services are made of is missing or does not support this platform."""


class JarUnreachableError(EmbeddedError):
    """A jar is not in the cache and could not be fetched, or the cache could not be written."""


class JarRefusedError(EmbeddedError):
    """A jar's content is not what the lock file says, so it is not run."""


class DirectoryError(EmbeddedError):
    """The data directory cannot be written, cannot be reached, or holds something else."""


class AlreadyRunningError(EmbeddedError):
    """Another process runs a service on this data directory."""


class PortTakenError(EmbeddedError):
    """Something else listens on the port that was asked for."""


class StartError(EmbeddedError):
    """The service ended while starting, or did not answer in time; the last lines of its log are told."""
