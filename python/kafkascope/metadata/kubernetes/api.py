"""The connection to a Kubernetes API server: raw JSON in and out, errors in words."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2 as httpx
import msgspec
import yaml
from lightkube.config.client_adapter import ConnectionParams
from lightkube.config.kubeconfig import DEFAULT_KUBECONFIG, SERVICE_ACCOUNT, KubeConfig
from lightkube.core.exceptions import ConfigError

FIELD_MANAGER = "kafkascope"
_TIMEOUT_S = 15.0
#: In the place of a context's name: the cluster that a pod runs in, by its service account.
_OWN = "this pod's cluster"
#: An API server that vanished without a word is noticed after half a minute, also by a watch that waits.
_KEEPALIVE = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15), (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5), (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)]


class KubernetesError(Exception):
    """What the API server refused or why there is none; ``status`` is HTTP's, 0 without an answer."""

    def __init__(self, message: str, hint: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.status = status


class SilentError(KubernetesError):
    """An answer that goes on brought nothing for longer than was asked for."""


class _Status(msgspec.Struct):
    message: str = ""
    reason: str = ""
    code: int = 0


def in_cluster() -> bool:
    """Whether this runs in a pod with a service account."""
    return bool(os.environ.get("KUBERNETES_SERVICE_HOST")) and Path(SERVICE_ACCOUNT, "token").exists()


def kubeconfig_path(given: str | None = None) -> Path | None:
    """The kubeconfig that would be used, as kubectl chooses it; ``None`` when there is none."""
    if given:
        return Path(given).expanduser()
    for name in filter(None, os.environ.get("KUBECONFIG", "").split(os.pathsep)):
        if _is_there(Path(name).expanduser()):
            return Path(name).expanduser()
    path = Path(DEFAULT_KUBECONFIG).expanduser()
    return path if _is_there(path) and not os.environ.get("KUBECONFIG") else None


def _is_there(path: Path) -> bool:
    """Of a folder that may not be entered, as the home of another user that sudo or su left in HOME, nothing is this user's."""
    try:
        return path.is_file()
    except PermissionError:
        return False


class Api:
    """Requests to one API server. Thread-safe."""

    def __init__(self, client: httpx.Client, server: str, context: str, namespace: str) -> None:
        self._client = client
        self.server = server
        self.context = context
        self.namespace = namespace

    @classmethod
    def connect(cls, kubeconfig: str | None = None, context: str | None = None) -> Api:
        """The cluster of ``kubeconfig``; without one, of the pod's service account, else of kubectl's own. Nothing is sent yet.

        Raises ``KubernetesError``.
        """
        path = None
        try:
            if kubeconfig is None and context is None and in_cluster():
                config = KubeConfig.from_service_account()
            else:
                path = kubeconfig_path(kubeconfig)
                if path is None:
                    named = os.environ.get("KUBECONFIG")
                    found = f"no Kubernetes cluster is configured: KUBECONFIG is {named}, which is no file" if named else "no Kubernetes cluster is configured"
                    raise KubernetesError(found, "name a kubeconfig with --kubeconfig or KUBECONFIG")
                config = KubeConfig.from_file(path)
            chosen = config.get(context)
            if chosen is None:
                raise ConfigError("no context is set")
            parameters = ConnectionParams(timeout=httpx.Timeout(_TIMEOUT_S)).httpx_params(chosen)
        except (ConfigError, OSError, ValueError, KeyError, TypeError, AttributeError, AssertionError, yaml.YAMLError, msgspec.MsgspecError) as error:
            names = ""
            if path is not None:
                with contextlib.suppress(Exception):
                    names = ", ".join(KubeConfig.from_file(path).contexts)
            where = f"{path}: " if path is not None else ""
            raise KubernetesError(f"{where}{_wrong(error)}", f"its contexts: {names}" if names else "`kubectl config view` shows what is configured") from error
        parameters.pop("transport"), parameters.pop("http2"), parameters.pop("proxy")
        transport = httpx.HTTPTransport(verify=parameters.pop("verify"), socket_options=_KEEPALIVE)
        name = chosen.context_name if path is not None else _OWN
        return cls(httpx.Client(transport=transport, headers={"User-Agent": "kafkascope"}, **parameters), chosen.cluster.server, name, chosen.namespace)

    def request(self, method: str, path: str, *, params: Mapping[str, Any] | None = None, body: Any = None, content_type: str = "application/json",
                accept: str = "application/json") -> bytes:
        """The answer's body. Raises ``KubernetesError``."""
        headers = {"Accept": accept}
        content = None
        if body is not None:
            headers["Content-Type"] = content_type
            content = msgspec.json.encode(body)
        try:
            answer = self._client.request(method, path, params=params, content=content, headers=headers)
        except (httpx.HTTPError, ConfigError, OSError) as error:
            raise self._unreachable(error) from error
        if answer.status_code >= 400:
            raise _refused(answer.status_code, answer.content, method, path)
        return bytes(answer.content)

    def get(self, path: str, **params: Any) -> Any:
        """A decoded object. Raises ``KubernetesError``, with status 404 when it is not there."""
        return msgspec.json.decode(self.request("GET", path, params=params or None))

    def find(self, path: str) -> Any | None:
        """A decoded object, ``None`` when it is not there."""
        try:
            return self.get(path)
        except KubernetesError as error:
            if error.status == 404:
                return None
            raise

    @contextlib.contextmanager
    def stream(self, path: str, params: Mapping[str, Any], *, accept: str, read_timeout_s: float) -> Iterator[tuple[Iterator[str], Callable[[], None]]]:
        """The lines of an answer that goes on, and a function that ends it from another thread. Raises ``KubernetesError``, ``SilentError``."""
        timeout = httpx.Timeout(_TIMEOUT_S, read=read_timeout_s)
        try:
            with self._client.stream("GET", path, params=params, headers={"Accept": accept}, timeout=timeout) as answer:
                if answer.status_code >= 400:
                    raise _refused(answer.status_code, answer.read(), "GET", path)
                network = answer.extensions.get("network_stream")
                connection: socket.socket | None = network.get_extra_info("socket") if network is not None else None

                def end() -> None:
                    if connection is not None:
                        with contextlib.suppress(OSError):
                            connection.shutdown(socket.SHUT_RDWR)

                yield answer.iter_lines(), end
        except httpx.ReadTimeout as error:
            raise SilentError(f"the API server {self.server} says nothing for {read_timeout_s:.0f} s") from error
        except (httpx.HTTPError, ConfigError, OSError) as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: BaseException) -> KubernetesError:
        return KubernetesError(f"the API server {self.server} cannot be reached: {_words(error)}", f"is the context '{self.context}' the right one?" if self.context != _OWN else "")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _refused(status: int, content: bytes, method: str, path: str) -> KubernetesError:
    told = _Status()
    with contextlib.suppress(msgspec.MsgspecError):
        told = msgspec.json.decode(content, type=_Status)
    message = told.message or content[:200].decode("utf-8", "replace").strip() or "no reason given"
    hint = {401: "the token or certificate is not accepted: is it expired?", 403: f"the account needs the right to {_verb(method)} {path}"}.get(status, "")
    return KubernetesError(f"the API server answered {status} to {method} {path}: {message}", hint, status)


def _verb(method: str) -> str:
    return {"GET": "get, list and watch", "PATCH": "patch", "POST": "create", "DELETE": "delete"}.get(method, method.lower())


def _wrong(error: BaseException) -> str:
    """What is wrong with a kubeconfig."""
    if isinstance(error, FileNotFoundError) and error.filename is None:
        return "a certificate or key that it names is not there"
    if isinstance(error, KeyError):
        return f"it names {error}, which it does not describe"
    if isinstance(error, TypeError | AttributeError | AssertionError | yaml.YAMLError):
        return "not a kubeconfig"
    return _words(error)


def _words(error: BaseException) -> str:
    text = str(error).strip().splitlines()[0] if str(error).strip() else ""
    return text or type(error).__name__
