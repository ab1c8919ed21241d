"""Captures as somebody else may write them: packets again or late by far, and packets too short for a header. Nothing that is in them is lost."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from loss import ETHERNET, WHOLE, Packet, decoded, packets

NAMES = ("kafkajs", "java-4.4", "two-brokers")
FLAGS, SYN = ETHERNET + 20 + 13, 2


def told(name: str, changed: Iterable[Packet], snap: int = WHOLE) -> Counter[str]:
    """What every line says, but for when, and what comes from other connections."""
    return Counter(json.dumps({key: value for key, value in line.items() if key not in ("cluster", "latencyNs", "time")}, sort_keys=True) for line in decoded(packets(name)[0], list(changed), snap))


@pytest.mark.parametrize("name", NAMES)
def test_what_comes_again_much_later_is_told_once(name: str) -> None:
    whole = packets(name)[1]
    dice = random.Random(name)
    places = sorted([(i, i) for i in range(len(whole))] + [(i + dice.randint(0, 100), i) for i in range(len(whole)) if dice.random() < 0.3])
    last, twice = 0, []
    for place, i in places:
        last = max(last, place)
        at = whole[min(last, len(whole) - 1)]
        twice.append(Packet(at.seconds, at.microseconds, whole[i].data, whole[i].length))
    assert told(name, twice) == told(name, whole)


@pytest.mark.parametrize("name", NAMES)
def test_packets_far_behind_their_place_are_waited_for(name: str) -> None:
    """As after a merge of two hosts' files; they keep their times. Handshakes tell where a stream begins, and stay."""
    whole, dice = packets(name)[1], random.Random(name)
    late = [(p.seconds * 10**6 + p.microseconds + (dice.randint(0, 300_000) if dice.random() < 0.2 and not p.data[FLAGS] & SYN else 0), i) for i, p in enumerate(whole)]
    assert told(name, [whole[i] for _, i in sorted(late)]) == told(name, whole)


def ends(line: dict[str, Any]) -> tuple[str, str]:
    return line["client"], line["broker"]


@pytest.mark.parametrize("name", NAMES)
def test_every_connection_is_known_by_the_little_that_is_left_of_a_header(name: str) -> None:
    head, whole = packets(name)
    complete = list(decoded(head, whole, WHOLE))
    #: 30 bytes of each packet's payload: many clients' ids are longer than that.
    cut = list(decoded(head, whole, 96))
    assert {ends(line) for line in cut} == {ends(line) for line in complete}
    said = Counter((ends(line), line["apiKey"], line["apiVersion"], line["correlationId"]) for line in complete)
    assert Counter((ends(line), line["apiKey"], line["apiVersion"], line["correlationId"]) for line in cut) == said
    assert "complete" not in {line["outcome"] for line in cut if line["clientId"] is None}
    assert {line["clientId"] for line in cut} <= {line["clientId"] for line in complete} | {None}
