"""Fetching Kafka's jars: whole, verified, or not at all. The repository is a web server of the test's own."""

import asyncio
import hashlib
import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.local.embedded import FetchProgress, JarRefusedError, JarUnreachableError
from app.local.embedded.jars import Jar, fetch_jars, locked_jars
from app.local.embedded.ports import free_port


class _Repository:
    """A Maven repository that counts what is asked of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.requests: list[str] = []
        self.failures_to_come = 0
        repository = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *args: object) -> None:
                super().__init__(*args, directory=str(root))  # type: ignore[arg-type] # passed on as they came

            def do_GET(self) -> None:
                repository.requests.append(self.path)
                if repository.failures_to_come:
                    repository.failures_to_come -= 1
                    self.send_error(http.HTTPStatus.SERVICE_UNAVAILABLE)
                else:
                    super().do_GET()

            def log_message(self, *args: object) -> None:
                """Keep the output of the tests clean."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def publish(self, artifact: str, content: bytes) -> Jar:
        """Put a jar into the repository, and return what a lock file would say of it."""
        jar = Jar("org.example", artifact, "1.0", hashlib.sha256(content).hexdigest())
        path = self.root / "org" / "example" / artifact / "1.0" / jar.file_name
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        return jar

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[_Repository]:
    """An empty Maven repository."""
    repository = _Repository(tmp_path / "repository")
    yield repository
    repository.close()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache that does not exist yet."""
    return tmp_path / "cache" / "jars"


def test_the_lock_file_names_each_jar_once_with_a_sha256() -> None:
    jars = locked_jars()

    assert len({jar.file_name for jar in jars}) == len(jars) > 40
    assert [jar for jar in jars if not re.fullmatch("[0-9a-f]{64}", jar.sha256)] == []
    assert any(jar.artifact == "kafka_2.13" and jar.version.startswith("4.1.") for jar in jars)


async def test_jars_are_fetched_once_and_progress_is_told(repository: _Repository, cache: Path) -> None:
    jars = [repository.publish(f"part{number}", b"x" * 1000 * number) for number in range(1, 11)]
    progress: list[FetchProgress] = []

    first = await fetch_jars(jars, cache, repository=repository.url, on_progress=progress.append)
    second = await fetch_jars(jars, cache, repository=repository.url, on_progress=progress.append)

    assert first == second == [cache / jar.file_name for jar in jars]
    assert [path.stat().st_size for path in first] == [1000 * number for number in range(1, 11)]
    assert len(repository.requests) == 10
    assert [step.done for step in progress] == list(range(1, 11))
    assert progress[-1] == FetchProgress(done=10, total=10, size_bytes=55_000)


async def test_two_fetch_at_once_and_leave_nothing_but_the_jars(repository: _Repository, cache: Path) -> None:
    jars = [repository.publish(f"part{number}", b"x" * 100_000) for number in range(5)]

    both = await asyncio.gather(*(fetch_jars(jars, cache, repository=repository.url) for _ in range(2)))

    assert both[0] == both[1]
    assert _names(cache) == sorted(jar.file_name for jar in jars)


async def test_a_repository_that_falters_is_asked_again(repository: _Repository, cache: Path) -> None:
    jar = repository.publish("part", b"x")
    repository.failures_to_come = 2

    assert await fetch_jars([jar], cache, repository=repository.url) == [cache / jar.file_name]
    assert len(repository.requests) == 3


async def test_a_jar_that_was_changed_in_the_cache_is_refused(repository: _Repository, cache: Path) -> None:
    jar = repository.publish("part", b"as published")
    [path] = await fetch_jars([jar], cache, repository=repository.url)
    path.write_bytes(b"tampered with")

    with pytest.raises(
        JarRefusedError, match=rf"{path} is not the file .*expected {jar.sha256}\): delete it"
    ):
        await fetch_jars([jar], cache, repository=repository.url)


async def test_a_jar_that_was_changed_in_the_repository_is_refused_and_not_kept(
    repository: _Repository, cache: Path
) -> None:
    published = repository.publish("part", b"tampered with")
    jar = Jar(
        published.group, published.artifact, published.version, hashlib.sha256(b"as locked").hexdigest()
    )

    with pytest.raises(JarRefusedError, match=rf"expected {jar.sha256}\): find out why"):
        await fetch_jars([jar], cache, repository=repository.url)
    assert _names(cache) == []


async def test_offline_the_message_is_one_line_and_says_what_to_do(cache: Path) -> None:
    jar = Jar("org.example", "part", "1.0", "0" * 64)

    with pytest.raises(JarUnreachableError) as raised:
        await fetch_jars([jar], cache, repository=f"http://127.0.0.1:{free_port()}")

    message = str(raised.value)
    assert message.startswith("Cannot fetch org.example:part:1.0")
    assert "connect this machine to the internet" in message
    assert "\n" not in message


async def test_a_missing_jar_is_named(repository: _Repository, cache: Path) -> None:
    with pytest.raises(JarUnreachableError, match=r"Cannot fetch org\.example:missing:1\.0"):
        await fetch_jars([Jar("org.example", "missing", "1.0", "0" * 64)], cache, repository=repository.url)


async def test_a_cache_that_cannot_be_made_is_named(repository: _Repository, tmp_path: Path) -> None:
    jar = repository.publish("part", b"x")
    (tmp_path / "file").touch()

    with pytest.raises(JarUnreachableError, match=r"file/jars.*set XDG_CACHE_HOME"):
        await fetch_jars([jar], tmp_path / "file" / "jars", repository=repository.url)


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())
