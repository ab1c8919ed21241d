"""The front: three pages over what the services tell, and one address for people and the load generator."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
from html import escape
from typing import Any

from kafkascope.demo.services.peers import addresses, ask
from kafkascope.demo.services.web import Answer, BadRequest, as_json, serve

_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:0 auto;padding:1rem;color:#1d2733}nav a{margin-right:1.2rem}
nav a.here{font-weight:700;text-decoration:none;color:inherit}table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #d8dee6}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}form{margin:1.2rem 0}input,button{font:inherit;padding:.3rem .6rem;margin-right:.5rem}.note{color:#556}"""
_PAGES = ("order", "shipping", "invoicing")


def _page(here: str, body: str) -> Answer:
    # What was ordered is watched for on the other two; a page with a form must not reload while somebody types.
    again = '<meta http-equiv="refresh" content="3">' if here != "order" else ""
    links = "".join(f'<a href="/{p}"{" class=here" if p == here else ""}>{p.title()}</a>' for p in _PAGES)
    return Answer(f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">{again}<title>{here.title()}</title>'
                  f"<style>{_STYLE}</style><nav>{links}</nav><h1>{here.title()}</h1>{body}</html>")  # fmt: skip


def _when(ms: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(ms / 1000))


def gather(deployment: str) -> dict[str, Any]:
    """What all pods of a deployment tell, as one; ``missing`` counts those that did not answer."""
    total, missing, delay, recent = 0, 0, False, []
    pods = addresses(deployment)
    for address in pods:
        try:
            told = ask(address, "/list")
        except (OSError, ValueError):
            missing += 1
            continue
        total += told["total"]
        delay = delay or told.get("delay", False)
        recent += told["recent"]
    recent.sort(key=lambda o: o.get("handledMs", o["createdMs"]))
    return {"pods": len(pods), "missing": missing, "total": total, "delay": delay, "recent": recent[-50:]}


def _table(told: dict[str, Any], handled: str) -> str:
    rows = []
    for o in reversed(told["recent"]):
        late = f"<td>{_when(o['handledMs'])}<td class=n>{(o['handledMs'] - o['createdMs']) / 1000:.1f} s" if "handledMs" in o else ""
        rows.append(f"<tr><td>{escape(o['id'])}<td>{escape(o['name'])}<td>{escape(o['item'])}<td class=n>{o['count']}<td>{_when(o['createdMs'])}{late}")
    more = f"<th>{handled}<th class=n>After" if handled else ""
    gone = f" {told['missing']} of {told['pods']} pods do not answer." if told["missing"] or not told["pods"] else ""
    note = f"<p class=note>{told['total']} so far, the newest first.{gone}</p>"
    return f"{note}<table><tr><th>Id<th>Name<th>Item<th class=n>Count<th>Ordered{more}{''.join(rows)}</table>"


def order_page(_: dict[str, Any]) -> Answer:
    form = ('<h2>Add Order</h2><form method="post" action="/order"><input type="hidden" name="form" value="1"><input name="name" placeholder="Name" aria-label="Name" required maxlength="80">'
            '<input name="item" placeholder="Item" aria-label="Item" required maxlength="80"><input name="count" type="number" min="1" max="1000" value="1" aria-label="Count">'
            "<button>Add Order</button></form>")  # fmt: skip
    return _page("order", _table(gather("order"), "") + form)


def add_order(fields: dict[str, Any]) -> Answer:
    pods = addresses("order")
    if not pods:
        return as_json({"error": "the order service is not there"}, 503)
    try:
        told = ask(pods[0], "/orders", fields)
    except urllib.error.HTTPError as error:
        if error.code == 400:
            raise BadRequest(json.load(error)["error"]) from error
        raise
    return Answer(status=303, location="/order") if fields.get("form") else as_json(told, 201)


def shipping_page(_: dict[str, Any]) -> Answer:
    return _page("shipping", _table(gather("shipping"), "Shipped"))


def invoicing_page(_: dict[str, Any]) -> Answer:
    told = gather("invoicing")
    state, other = ("on", "off") if told["delay"] else ("off", "on")
    form = f'<form method="post" action="/invoicing/delay"><input type="hidden" name="form" value="1">The delay is <b>{state}</b>. <button name="delay" value="{other}">Switch it {other}</button></form>'
    return _page("invoicing", form + _table(told, "Invoiced"))


def set_delay(fields: dict[str, Any]) -> Answer:
    if fields.get("delay") not in ("on", "off"):
        raise BadRequest("delay must be on or off")
    pods = addresses("invoicing")
    if not pods:
        return as_json({"error": "the invoicing service is not there"}, 503)
    # On one host they share the switch, in a cluster each pod has its own.
    told, *_ = [ask(pod, "/delay", {"delay": fields["delay"]}) for pod in pods]
    return Answer(status=303, location="/invoicing") if fields.get("form") else as_json(told)


ROUTES = {
    ("GET", "/healthz"): lambda _: as_json({"ready": True}),
    ("GET", "/favicon.ico"): lambda _: Answer(status=204),
    ("GET", "/"): lambda _: Answer(status=303, location="/order"),
    ("GET", "/order"): order_page, ("POST", "/order"): add_order,
    ("GET", "/shipping"): shipping_page, ("GET", "/invoicing"): invoicing_page,
    ("POST", "/invoicing/delay"): set_delay, ("GET", "/invoicing/delay"): lambda _: as_json({"delay": gather("invoicing")["delay"]}),
}  # fmt: skip

if __name__ == "__main__":
    serve(ROUTES, threading.Event())
