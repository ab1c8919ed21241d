"""The API described as one plain page, made from its OpenAPI document; nothing is loaded from elsewhere."""

from __future__ import annotations

import html
import json
from typing import Any


def render(openapi: dict[str, Any]) -> str:
    """The page as HTML."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        "<title>Kafkascope API</title><style>body{font:14px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2430}"
        "code,pre{font:13px ui-monospace,monospace;background:#f0f2f5;padding:1px 4px;border-radius:3px}pre{padding:8px;overflow:auto}a{color:#1f5fbf}h2{font-size:15px;margin:1.6rem 0 .2rem}"
        "@media (prefers-color-scheme:dark){body{background:#12161c;color:#d7dde6}code,pre{background:#202733}a{color:#6ba4f4}}</style>",
        f"<h1>Kafkascope API</h1><p>{_text(openapi['info'].get('description'))} The same as JSON: <a href=/api/openapi.json>/api/openapi.json</a>. "
        "Live results: WebSocket <code>/api/live</code>, messages <code>run</code>, <code>pause</code>, <code>resume</code>, <code>stop</code>.</p>",
    ]
    for path, methods in openapi["paths"].items():
        for method, call in methods.items():
            parts.append(f"<h2 id='{method}{_text(path)}'><code>{method.upper()} {_text(path)}</code></h2><p>{_text(call.get('summary'))}. {_text(call.get('description'))}</p>")
            for parameter in call.get("parameters", []):
                required = ", required" if parameter.get("required") else ""
                parts.append(f"<div><code>{_text(parameter['name'])}</code> in {_text(parameter['in'])}{required}</div>")
            body = call.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            if body:
                parts.append(f"<div>body {_kind(body)}</div>")
            for status, answer in call.get("responses", {}).items():
                schema = answer.get("content", {}).get("application/json", {}).get("schema")
                if status != "422":
                    parts.append(f"<div>{_text(status)} {_kind(schema) if schema else ''} {_text(answer.get('description'))}</div>")
    parts.append("<h1>Shapes</h1>")
    for name, schema in openapi.get("components", {}).get("schemas", {}).items():
        parts.append(f"<h2 id='{_text(name)}'>{_text(name)}</h2><p>{_text(schema.get('description'))}</p>")
        for key, value in schema.get("properties", {}).items():
            parts.append(f"<div><code>{_text(key)}</code> {_kind(value)} {_text(value.get('description'))}</div>")
        parts += [f"<pre>{_text(json.dumps(example, indent=1, ensure_ascii=False))}</pre>" for example in schema.get("examples", [])]
    return "".join(parts)


def _kind(schema: dict[str, Any]) -> str:
    """A type in a word, with a link to a shape that is described."""
    if "$ref" in schema:
        name = _text(schema["$ref"].rsplit("/", 1)[-1])
        return f"<a href='#{name}'>{name}</a>"
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return _text(" | ".join(str(value) for value in schema["enum"]) if "enum" in schema else schema.get("type", "any"))


def _text(value: Any) -> str:
    return html.escape(str(value or ""))
