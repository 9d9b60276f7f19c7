"""The support agent of the demo: generic tables of identities, grants, calls and coverage."""

import datetime as dt
import itertools
import json

from .base import UTC, Draw, iso

BOT = "agent://triage-bot"
SINCE = "2026-02-10T10:24:00Z"
COVERED = ("2026-06-01T00:00:00Z", "2026-09-01T06:00:00Z")

IDENTITIES = [
    ["id", "platform", "kind", "name", "account", "created"],
    [BOT, "helpdesk", "agent", "triage-bot", "helpdesk", SINCE],
]
GRANTED = [
    ("ticket:read", "support/*", "read"),
    ("ticket:list", "support/*", "list"),
    ("ticket:comment", "support/*", "write"),
    ("ticket:assign", "support/*", "write"),
    ("ticket:delete", "support/*", "write"),
    ("record:create", "crm-prod/*", "write"),
    ("record:update", "crm-prod/*", "write"),
    ("record:delete", "crm-prod/*", "write"),
    ("record:export", "crm-prod/*", "read"),
]
GRANTS = [["identity", "action", "resource", "effect", "access", "origin", "granted_at"]] + [
    [BOT, action, resource, "allow", access, origin, SINCE]
    for action, resource, access in GRANTED
    for origin in ["tool set " + ("tickets" if action.startswith("ticket") else "crm-admin")]
]
COVERAGE = [
    ["platform", "account", "actions", "from", "to", "source"],
    ["helpdesk", "helpdesk", "*", *COVERED, "tool gateway"],
]

LINES = 412
# The line of a record, and when it was made; the lines between lie evenly in between.
MARKS = [
    (1, dt.datetime(2026, 6, 1, 6, 40, 11, tzinfo=UTC)),
    (88, dt.datetime(2026, 6, 22, 10, 17, 26, tzinfo=UTC)),
    (131, dt.datetime(2026, 7, 3, 14, 2, 58, tzinfo=UTC)),
    (407, dt.datetime(2026, 8, 27, 9, 31, 44, tzinfo=UTC)),
    (LINES, dt.datetime(2026, 8, 31, 15, 20, 9, tzinfo=UTC)),
]
UPDATES = {88, 131, 407}
WITHOUT_TIME = 212
TIMEOUTS = {57, 301}
QUEUES = ("support/inbox", "support/returns", "support/billing")


def time_of(line):
    for (before, start), (after, end) in itertools.pairwise(MARKS):
        if line <= after:
            share = (end - start) * (line - before) / (after - before)
            return start + dt.timedelta(seconds=int(share.total_seconds()))
    raise ValueError(line)


def calls():
    """The agent's tool calls as its gateway wrote them, one a line."""
    draw = Draw("triage-bot")
    lines = []
    for line in range(1, LINES + 1):
        time = time_of(line)
        call = {"time": iso(time), "identity": BOT}
        if line in UPDATES:
            call |= {"action": "record:update", "resource": "crm-prod/contacts"}
        else:
            action = ("ticket:list", "ticket:read", "ticket:read")[draw.number(3)]
            call |= {"action": action, "resource": QUEUES[draw.number(len(QUEUES))]}
        call["outcome"] = "timeout" if line in TIMEOUTS else "allowed"
        call["session"] = f"run-{time:%m%d}-{time.hour // 6}"
        if line == WITHOUT_TIME:
            del call["time"]
        lines.append(call)
    return lines


def calls_text():
    return "".join(json.dumps(call) + "\n" for call in calls())
