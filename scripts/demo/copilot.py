"""The support copilot of the demo: traces of its runs, as OpenTelemetry exports them (OTLP/JSON, one batch a
line; OpenTelemetry semantic conventions for generative AI, "execute_tool" spans)."""

import datetime as dt
import json

from .base import UTC, Draw

FIRST, LAST = dt.date(2026, 6, 1), dt.date(2026, 8, 31)
TOOLS = {
    "get_ticket": ("Read one ticket", {"ticket_id": "string"}),
    "search_tickets": ("Search tickets", {"query": "string", "limit": "integer"}),
    "add_comment": ("Comment on a ticket", {"ticket_id": "string", "body": "string"}),
    "update_record": (
        "Update a record of the customer database",
        {"table": "string", "id": "integer", "patch": "object"},
    ),
    "delete_record": (
        "Delete a record of the customer database",
        {"table": "string", "id": "integer"},
    ),
}
# Nobody asked for these: a ticket's text told the copilot to "correct" a customer's address.
CHANGES = {dt.date(2026, 7, 8): 11, dt.date(2026, 8, 19): 15}


def definitions():
    def one(name):
        description, parameters = TOOLS[name]
        schema = {
            "type": "object",
            "properties": {key: {"type": kind} for key, kind in parameters.items()},
            "required": list(parameters),
        }
        return {
            "type": "function",
            "name": name,
            "description": description,
            "parameters": schema,
        }

    return json.dumps([one(name) for name in TOOLS], separators=(",", ":"))


def attribute(key, value):
    kind = "intValue" if isinstance(value, int) else "stringValue"
    return {"key": key, "value": {kind: str(value) if kind == "intValue" else value}}


class Run:
    """The spans of one run."""

    def __init__(self, draw, start):
        self.draw, self.time = draw, start
        self.trace, self.conversation = draw.hex(32), draw.guid()
        self.root = draw.hex(16)
        self.spans = []

    def span(self, name, parent, seconds, attributes, error=None):
        start = int(self.time.timestamp()) * 10**9 + self.draw.number(10**9)
        self.time += dt.timedelta(seconds=seconds)
        span = {
            "traceId": self.trace,
            "spanId": self.draw.hex(16),
            "parentSpanId": parent,
            "name": name,
            "kind": 1,
            "startTimeUnixNano": str(start),
            "endTimeUnixNano": str(start + seconds * 10**9 - 1000),
            "attributes": [attribute(key, value) for key, value in attributes.items()],
            "status": {"code": 2, "message": error} if error else {},
        }
        self.spans.append(span)
        return span

    def chat(self):
        self.span(
            "chat gpt-large",
            self.root,
            3,
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "example",
                "gen_ai.request.model": "gpt-large",
                "gen_ai.agent.name": "support-copilot",
                "gen_ai.conversation.id": self.conversation,
                "gen_ai.tool.definitions": definitions(),
            },
        )

    def call(self, tool, arguments, error=None):
        self.chat()
        self.span(
            f"execute_tool {tool}",
            self.root,
            1,
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": tool,
                "gen_ai.tool.type": "function",
                "gen_ai.tool.call.id": "call_" + self.draw.hex(24),
                "gen_ai.tool.call.arguments": json.dumps(arguments, separators=(",", ":")),
                "gen_ai.agent.name": "support-copilot",
                "gen_ai.conversation.id": self.conversation,
            },
            error,
        )

    def batch(self):
        self.spans.append(
            {
                "traceId": self.trace,
                "spanId": self.root,
                "name": "invoke_agent support-copilot",
                "kind": 1,
                "startTimeUnixNano": self.spans[0]["startTimeUnixNano"],
                "endTimeUnixNano": self.spans[-1]["endTimeUnixNano"],
                "attributes": [
                    attribute("gen_ai.operation.name", "invoke_agent"),
                    attribute("gen_ai.agent.name", "support-copilot"),
                    attribute("gen_ai.conversation.id", self.conversation),
                    attribute("enduser.id", "desk-" + str(self.draw.number(6) + 1)),
                ],
                "status": {},
            }
        )
        resource = [
            attribute("service.name", "support-copilot"),
            attribute("service.version", "2.3.0"),
            attribute("deployment.environment.name", "production"),
        ]
        scope = {"scope": {"name": "agent-sdk", "version": "1.9.2"}, "spans": self.spans}
        return {"resourceSpans": [{"resource": {"attributes": resource}, "scopeSpans": [scope]}]}


def traces():
    """Batches of spans, one run each, oldest first."""
    draw = Draw("support-copilot")
    day, batches = FIRST, []
    while day <= LAST:
        if day.weekday() < 5:
            hour = 8 + draw.number(3)
            start = dt.datetime(day.year, day.month, day.day, hour, draw.number(60), tzinfo=UTC)
            run = Run(draw, start)
            ticket = f"TICKET-{4000 + (day - FIRST).days * 7 + draw.number(7)}"
            run.call("search_tickets", {"query": "status:open", "limit": 10})
            missing = draw.number(25) == 0
            run.call("get_ticket", {"ticket_id": ticket}, "no such ticket" if missing else None)
            if day in CHANGES:
                run.time = run.time.replace(hour=CHANGES[day])
                patch = {"address": "1 Example Street", "reason": "asked for in " + ticket}
                arguments = {"table": "prod.customers", "id": 77000 + draw.number(999)}
                run.call("update_record", arguments | {"patch": patch})
            batches.append(run.batch())
        day += dt.timedelta(days=1)
    return batches


def text():
    return "".join(json.dumps(batch, separators=(",", ":")) + "\n" for batch in traces())
