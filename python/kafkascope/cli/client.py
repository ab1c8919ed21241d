"""The running server, over its HTTP API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from kafkascope.cli.errors import FAILED, NOTHING_THERE, WRONG_USE, CommandError
from kafkascope.config import KEYS, ConfigError, load

if TYPE_CHECKING:
    import urllib.error

_KEY = KEYS["client.server"]
#: The source that a server names when it serves files.
RECORDED = "packet captures"


def _remember(context: click.Context, _: click.Parameter, url: str | None) -> None:
    if url is not None:
        context.meta[_KEY.key] = url


#: Of commands that ask a server; ``Server`` finds the value by itself.
server_option = click.option("--server", metavar="URL", expose_value=False, callback=_remember, help=f"Ask the server at this address.  [default: {_KEY.default}]")


class Server:
    """Calls of the API; failures become ``CommandError`` with the right exit code."""

    def __init__(self, url: str | None = None, token: str | None = None, timeout_s: float = 90) -> None:
        context = click.get_current_context(silent=True)
        url = url or (context.meta.get(_KEY.key) if context is not None else None)
        try:
            config = load(flags={} if url is None else {_KEY.key: url})
        except ConfigError as error:
            raise CommandError(error.message, error.hint, WRONG_USE) from error
        self.url = config[_KEY.key].rstrip("/")
        if not self.url.startswith(("http://", "https://")):
            raise CommandError(f"{config.origin(_KEY.key).where}: expected the address of a server, found '{self.url}'", f"write it as {_KEY.default}", WRONG_USE)
        self.token = token or config["server.token"] or None
        self.timeout_s = timeout_s

    def call(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """GET, or POST when there is a body; the decoded JSON answer."""
        answer = self._ask(path, "application/json", body)
        try:
            return json.loads(answer)
        except ValueError as error:
            raise CommandError(f"{self.url} answered, but not as a Kafkascope server: {error}", "name the right address with --server or KAFKASCOPE_SERVER", NOTHING_THERE) from error

    def text(self, path: str, content_type: str) -> str:
        """GET; the answer as text of ``content_type``."""
        return self._ask(path, content_type).decode("utf-8", "replace")

    def _ask(self, path: str, accept: str, body: dict[str, Any] | None = None) -> bytes:
        # An HTTP client costs a key press of completion more than all else.
        import http.client
        import urllib.error
        import urllib.request

        headers = {"Accept": accept}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, data, headers), timeout=self.timeout_s) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                raise self._failure(error) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            # URLError and timeouts are among the first, an answer that is no HTTP among the second, a port that is no number among the last.
            cause = getattr(error, "reason", None) or error
            reason = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
            raise CommandError(f"no Kafkascope server at {self.url}: {reason}", "start one with `px up`, name another with --server or KAFKASCOPE_SERVER, or read a file with --capture", NOTHING_THERE) from error

    def _failure(self, error: urllib.error.HTTPError) -> CommandError:
        if error.code == 401:
            found = "refused the token" if self.token else "asks for a token"
            return CommandError(f"{self.url} {found}", "set KAFKASCOPE_TOKEN to what `px up` printed after ?token=", WRONG_USE)
        try:
            detail = json.load(error)["error"]
        except (ValueError, KeyError, TypeError):
            return CommandError(f"{self.url} answered {error.code} {error.reason}", "is this a Kafkascope server?", NOTHING_THERE)
        where = f"line {detail['line']}, column {detail.get('column')}: " if detail.get("line") is not None else ""
        code = WRONG_USE if detail.get("kind") in ("argument", "not_found") else FAILED
        return CommandError(where + detail["message"], detail.get("hint", ""), code)
