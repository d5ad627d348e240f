"""The jars of Apache Kafka: named and hashed in `kafka-jars.lock`, fetched once, checked at every use.

Maven is not needed; its repository is known to the `maven-artifact` package.
"""

import asyncio
import functools
import hashlib
import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from tenacity import (
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_attempt,
    stop_any,
    stop_when_event_set,
    wait_fixed,
)

from agents.side_by_side import side_by_side
from app.local.embedded.errors import JarRefusedError, JarUnreachableError
from app.local.embedded.packages import require

LOCK = Path(__file__).with_name("kafka-jars.lock")

_PARALLEL_FETCHES = 8
_ATTEMPTS = 3
_BETWEEN_ATTEMPTS_S = 0.5
#: To connect, and then between two pieces: there is no limit on a whole jar.
_TIMEOUTS_S = (5.0, 10.0)
_PIECE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Jar:
    """A jar by its Maven coordinates, and the only content it may have."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The jar's name in the cache."""
        return f"{self.artifact}-{self.version}.jar"


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """How far fetching has come."""

    done: int
    total: int
    size_bytes: int


def locked_jars(lock: Path = LOCK) -> tuple[Jar, ...]:
    """Read the lock file: one line a jar, `group:artifact:version sha256`; `#` begins a comment."""
    lines = (line for line in lock.read_text("utf-8").splitlines() if line and not line.startswith("#"))
    return tuple(_jar(line) for line in lines)


def jar_cache() -> Path:
    """Return the directory under the user's cache directory where jars are kept."""
    return Path(require("platformdirs").user_cache_path("chatlog")) / "jars"


async def fetch_jars(
    jars: Sequence[Jar],
    cache: Path,
    *,
    repository: str | None = None,
    on_progress: Callable[[FetchProgress], None] | None = None,
) -> list[Path]:
    """Return a verified file for each jar, fetching those that the cache lacks, several at a time.

    Two processes may do this at once: a file appears in the cache whole and verified, or not at all.

    Args:
        jars: what is needed.
        cache: where it is kept; made if it is missing.
        repository: the base URL of a Maven repository, if not the public one.
        on_progress: called in this thread after each jar that was fetched, and not at all if none was.

    Raises:
        JarUnreachableError: a jar could not be fetched in three attempts, or the cache cannot be written.
        JarRefusedError: a jar's content is not what the lock file says.
    """
    downloader = require("maven_artifact").Downloader(**({"base": repository} if repository else {}))
    abandoned = threading.Event()
    executor = ThreadPoolExecutor(_PARALLEL_FETCHES, thread_name_prefix="jars")
    run = functools.partial(asyncio.get_running_loop().run_in_executor, executor)
    patiently = Retrying(
        retry=retry_if_exception_type(JarUnreachableError),
        stop=stop_any(stop_after_attempt(_ATTEMPTS), stop_when_event_set(abandoned)),
        wait=wait_fixed(_BETWEEN_ATTEMPTS_S),
        sleep=sleep_using_event(abandoned),
        reraise=True,
    )
    try:
        present = await asyncio.gather(*(run(_is_present, jar, cache) for jar in jars))
        missing = [jar for jar, found in zip(jars, present, strict=True) if not found]
        done = size_bytes = 0

        async def fetch(jar: Jar) -> None:
            nonlocal done, size_bytes
            fetched_bytes = await run(patiently, _fetch, jar, cache, downloader, abandoned)
            size_bytes += fetched_bytes
            done += 1
            if on_progress is not None:
                on_progress(FetchProgress(done, len(missing), size_bytes))

        # The first that fails stops the others: one reason, and one line, is enough.
        await side_by_side(*(fetch(jar) for jar in missing))
    finally:
        abandoned.set()
        executor.shutdown(wait=False, cancel_futures=True)
    return [cache / jar.file_name for jar in jars]


def _jar(line: str) -> Jar:
    coordinates, sha256 = line.split(" ")
    group, artifact, version = coordinates.split(":")
    return Jar(group, artifact, version, sha256)


def _is_present(jar: Jar, cache: Path) -> bool:
    path = cache / jar.file_name
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise JarUnreachableError(
            f"Cannot read {path} ({error.strerror}): mend that, or set XDG_CACHE_HOME to a directory of yours"
        ) from None
    if found != jar.sha256:
        raise JarRefusedError(
            f"{path} is not the file that {LOCK.name} names (SHA-256 {found}, expected {jar.sha256}): delete "
            "it, and it is fetched anew"
        )
    return True


def _fetch(
    jar: Jar,
    cache: Path,
    downloader: Any,
    abandoned: threading.Event,
) -> int:
    """Fetch one jar into the cache and return its size. Runs in a thread."""
    artifact = require("maven_artifact").Artifact(jar.group, jar.artifact, jar.version)
    url = downloader.resolver.uri_for_artifact(artifact)

    def give_up(_url: str, error: Exception) -> NoReturn:
        raise JarUnreachableError(
            f"Cannot fetch {artifact}, which embedded Kafka needs once ({type(error).__name__}): connect "
            "this machine to the internet (HTTPS_PROXY names a proxy), or set KAFKA_BOOTSTRAP_SERVERS"
        ) from None

    try:
        # Not Downloader.download(): it prints, knows no time limit, and checks the repository's own MD5.
        with downloader.requestor.request(url, give_up, stream=True, timeout=_TIMEOUTS_S) as response:
            return _store(jar, cache, response.iter_content(_PIECE_BYTES), abandoned)
    except require("requests").RequestException as error:
        give_up(url, error)
    except OSError as error:
        raise JarUnreachableError(
            f"Cannot write to the cache {cache} ({error.strerror}): mend that, or set XDG_CACHE_HOME to a "
            "directory of yours"
        ) from None


def _store(jar: Jar, cache: Path, pieces: Iterable[bytes], abandoned: threading.Event) -> int:
    """Write the jar beside its place, and move it there once it is whole and right."""
    cache.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=cache, prefix=f".{jar.artifact}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            found = _copy(pieces, file, abandoned)
            size_bytes = file.tell()
        if found != jar.sha256:
            raise JarRefusedError(  # noqa: TRY301 -- what was written goes, whatever is raised
                f"The repository's {jar.file_name} is not the file that {LOCK.name} names (SHA-256 {found}, "
                f"expected {jar.sha256}): find out why before you run it"
            )
        Path(name).replace(cache / jar.file_name)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return size_bytes


def _copy(pieces: Iterable[bytes], file: BinaryIO, abandoned: threading.Event) -> str:
    """Write the pieces and return the SHA-256 of all of them."""
    digest = hashlib.sha256()
    for piece in pieces:
        if abandoned.is_set():
            raise JarUnreachableError("Fetching was given up")
        file.write(piece)
        digest.update(piece)
    return digest.hexdigest()
