#!/usr/bin/env python3
"""Builds the embedded combinations of agents' tools, src/catalogue/data/escalation-agent.json.

Input: a JSON file of the form `authgap-agent-capabilities/1`: `capabilities` with `id` and `name_patterns` (words of
tools' names), and `combinations` with `id`, `all_of` (capabilities) and `note`. Both are this project's own judgement:

    scripts/build-agent-escalation.py escalation-agent.json

Output: the shape of escalation-aws.json. Each permission is a list of alternatives between "|": patterns over action
names, compared without case. A word stands for tools whose name is it or begins with it and a separator, of a server
(`*/fetch`, `*/fetch_*`, `*/fetch-*`) or of the agent itself (`agent:fetch`). OWN adds what clients call their tools.
"""

import json
import sys

# Tools of clients and programs of their shells (Claude Code documentation; gemini-cli docs/tools @5411f113).
OWN = {
    "agent.shell": ["agent:run_shell_command", "agent:exec_command", "*#bash", "*#sh", "*#python", "*#python3", "*#node"],
    "agent.fs-read": ["agent:Read", "agent:Grep", "*/read_multiple_files", "*/read_text_file"],
    "agent.net-out": ["agent:WebFetch", "agent:web_fetch", "*#curl", "*#wget"],
    "agent.vcs-write": ["*#git push", "*#gh pr merge", "*#gh release create", "*/push_files"],
}

NAMES = {
    "agent.exfil-pair": "files can be read and sent out",
    "agent.inject-exec": "text from outside can be run as code",
    "agent.ci-exec": "changes can be pushed that an automation runs",
}


def alternatives(capability):
    out = []
    for word in capability["name_patterns"]:
        out += [f"*/{word}", f"*/{word}_*", f"*/{word}-*", f"agent:{word}"]
    return "|".join(out + OWN.get(capability["id"], []))


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        facts = json.load(file)
    assert facts["schema"] == "authgap-agent-capabilities/1", facts["schema"]
    known = {one["id"]: one for one in facts["capabilities"]}
    methods = [
        {
            "id": one["id"],
            "name": NAMES[one["id"]],
            "category": "combination",
            "permissions": [alternatives(known[part]) for part in one["all_of"]],
            "source": "authgap",
        }
        for one in facts["combinations"]
    ]
    out = {
        "schema": "authgap-escalation/1",
        "platform": "agent",
        "sources": [{"note": "authgap's own judgement; names of tools are hints, not proof"}],
        "methods": methods,
    }
    with open("src/catalogue/data/escalation-agent.json", "w", encoding="utf-8") as file:
        json.dump(out, file, indent=1)
        file.write("\n")
    print(f"{len(methods)} combinations")


if __name__ == "__main__":
    main()
