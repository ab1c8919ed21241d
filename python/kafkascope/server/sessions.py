"""Logging in with the token: a form for people, and the cookie that stands for the token afterwards.

The cookie does not hold the token. It holds a time and the token's HMAC of it, so that the server need not remember sessions, a new token ends
all of them, and a stolen cookie ends by itself.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import time
from collections.abc import Callable
from urllib.parse import urlsplit

COOKIE = "kafkascope_session"
LIFETIME_S = 7 * 86_400


def _seal(token: str, until: int) -> str:
    return hmac.new(token.encode(), f"session until {until}".encode(), hashlib.sha256).hexdigest()


def issue(token: str, clock: Callable[[], float] = time.time) -> str:
    """A session's cookie value."""
    until = int(clock()) + LIFETIME_S
    return f"{until}.{_seal(token, until)}"


def holds(value: str, token: str, clock: Callable[[], float] = time.time) -> bool:
    """Whether a cookie's value is of this token and not over."""
    until, _, seal = value.partition(".")
    if not (until.isascii() and until.isdigit() and len(until) < 16 and seal.isascii()):
        return False
    return hmac.compare_digest(seal, _seal(token, int(until))) and int(until) > clock()


def local_path(path: str) -> str:
    """The path to go to after logging in; the start page for anything that could lead elsewhere."""
    parts = urlsplit(path)
    fits = path.startswith("/") and not path.startswith(("//", "/\\")) and not parts.netloc and not parts.scheme and path.isprintable()
    return path if fits else "/"


def login_page(next_path: str, problem: str = "") -> str:
    """The form as HTML; it needs no script."""
    said = f'<p role=alert class=bad>{html.escape(problem)}</p>' if problem else ""
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'><title>Kafkascope: log in</title>"
        "<style>:root{color-scheme:light dark}body{font:14px/1.5 system-ui,sans-serif;display:grid;place-items:center;min-height:90vh;margin:0;background:Canvas;color:CanvasText}"
        "form{width:min(22rem,90vw)}h1{font-size:18px}input,button{font:inherit;padding:6px 10px;width:100%;box-sizing:border-box;margin-top:8px}.bad{color:#c22a2a}</style>"
        f"<form method=post action=/login><h1>Kafkascope</h1><label>Token<input name=token type=password autocomplete=current-password autofocus required></label>"
        f'<input type=hidden name=next value="{html.escape(next_path, quote=True)}">{said}<button>Log in</button>'
        "<p>px up and px server print the token when they start.</p></form></html>"
    )
