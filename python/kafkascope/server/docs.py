"""The API described as one plain page, made from its OpenAPI document; nothing is loaded from elsewhere."""

from __future__ import annotations

import html
from typing import Any


def render(openapi: dict[str, Any]) -> str:
    """The page as HTML."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        "<title>Kafkascope API</title><style>body{font:14px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2430}"
        "code{font:13px ui-monospace,monospace;background:#f0f2f5;padding:1px 4px;border-radius:3px}h2{font-size:15px;margin:1.6rem 0 .2rem}"
        "@media (prefers-color-scheme:dark){body{background:#12161c;color:#d7dde6}code{background:#202733}}</style>",
        f"<h1>Kafkascope API</h1><p>{_text(openapi['info'].get('description'))} The same as JSON: <a href=/api/openapi.json>/api/openapi.json</a>. "
        "Live results: WebSocket <code>/api/live</code>, messages <code>run</code>, <code>pause</code>, <code>resume</code>, <code>stop</code>.</p>",
    ]
    for path, methods in openapi["paths"].items():
        for method, call in methods.items():
            parts.append(f"<h2><code>{method.upper()} {_text(path)}</code></h2><p>{_text(call.get('summary'))}</p>")
            for parameter in call.get("parameters", []):
                required = ", required" if parameter.get("required") else ""
                parts.append(f"<div><code>{_text(parameter['name'])}</code> in {_text(parameter['in'])}{required}</div>")
    for name, schema in openapi.get("components", {}).get("schemas", {}).items():
        parts.append(f"<h2>{_text(name)}</h2><p>{_text(schema.get('description'))}</p>")
        for key, value in schema.get("properties", {}).items():
            parts.append(f"<div><code>{_text(key)}</code> {_text(value.get('description'))}</div>")
    return "".join(parts)


def _text(value: Any) -> str:
    return html.escape(str(value or ""))
