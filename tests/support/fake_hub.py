"""A fake Hugging Face hub on localhost: the part of its HTTP API that the real client needs to download a model."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote


@dataclass
class FakeHub:
    """Content of the server, and its log of requests.

    Attributes:
        endpoint: base URL.
        revisions: the directory of each revision, by repository and revision.
        gated: repositories whose files are refused with error 403.
        broken: answer every request with error 500.
        downloads: downloaded files, in order.
        requests: all requests, in order.
    """

    endpoint: str = ""
    revisions: dict[str, dict[str, Path]] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    broken: bool = False
    downloads: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def find(self, repository: str, revision: str) -> tuple[Path, str] | None:
        """The directory and commit of a branch, tag or commit."""
        for name, directory in self.revisions.get(repository, {}).items():
            commit = hashlib.sha1(f"{repository}@{name}".encode()).hexdigest()
            if revision in (name, commit):
                return directory, commit
        return None


def etag(content: bytes) -> str:
    """The ETag of a file's content."""
    return hashlib.sha1(content).hexdigest()


@contextmanager
def fake_hub() -> Iterator[FakeHub]:
    """Run a hub until the block ends."""
    hub = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(True)

        def do_HEAD(self) -> None:
            self.answer(False)

        def log_message(self, format: str, *arguments: object) -> None:
            """Print nothing."""

        def answer(self, with_body: bool) -> None:
            hub.requests.append(f"{self.command} {self.path}")
            path = unquote(self.path.partition("?")[0])
            if hub.broken:
                return self.send(500, {})
            if path.startswith("/api/models/"):
                # Clients from version 1 on also request the file tree.
                kind = "/tree/" if "/tree/" in path else "/revision/"
                repository, _, revision = path.removeprefix("/api/models/").partition(kind)
                file = ""
            else:
                repository, _, rest = path.removeprefix("/").partition("/resolve/")
                revision, _, file = rest.partition("/")
            if repository not in hub.revisions:
                return self.send(401, {"X-Error-Code": "RepoNotFound"})
            match = hub.find(repository, revision)
            if match is None:
                return self.send(404, {"X-Error-Code": "RevisionNotFound"})
            directory, commit = match
            if not file:
                files = {p.relative_to(directory).as_posix(): p for p in directory.rglob("*") if p.is_file()}
                names = [{"rfilename": name} for name in sorted(files)]
                info: object = {"id": repository, "sha": commit, "siblings": names}
                if kind == "/tree/":
                    info = [
                        {"type": "file", "path": name, "size": p.stat().st_size, "oid": etag(p.read_bytes())}
                        for name, p in sorted(files.items())
                    ]
                return self.send(200, {"Content-Type": "application/json"}, json.dumps(info).encode(), with_body)
            if repository in hub.gated:
                return self.send(403, {"X-Error-Code": "GatedRepo"})
            content = (directory / file).read_bytes()
            if with_body:
                hub.downloads.append(file)
            return self.send(200, {"ETag": f'"{etag(content)}"', "X-Repo-Commit": commit}, content, with_body)

        def send(self, status: int, headers: dict[str, str], body: bytes = b"", with_body: bool = False) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if with_body:
                self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
