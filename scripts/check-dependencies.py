#!/usr/bin/env python3
"""Checks every dependency against deny.toml, offline: licence, banned crates, source.

Advisories need a database that is downloaded: where `cargo deny` is installed with one, run
`cargo deny check advisories` as well. Exit status 1 if anything is wrong.
"""
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def satisfied(expression, allowed):
    """Whether an SPDX expression can be met by allowed licences: AND, OR, WITH and parentheses."""
    text = expression.replace("/", " OR ")
    tokens = re.findall(r"\(|\)|[A-Za-z0-9.+-]+", text)
    position = 0

    def peek():
        return tokens[position] if position < len(tokens) else None

    def take():
        nonlocal position
        position += 1
        return tokens[position - 1]

    def atom():
        if peek() == "(":
            take()
            value = any_of()
            take()
            return value
        name = take()
        if peek() == "WITH":
            take()
            name = f"{name} WITH {take()}"
        return name in allowed

    def all_of():
        value = atom()
        while peek() == "AND":
            take()
            value = atom() and value
        return value

    def any_of():
        value = all_of()
        while peek() == "OR":
            take()
            value = all_of() or value
        return value

    return any_of()


def main():
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    allowed = set(rules["licenses"]["allow"])
    banned = {entry["crate"] for entry in rules["bans"]["deny"]}
    metadata = json.loads(
        subprocess.run(
            ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout
    )
    # Lock files and metadata list crates that no enabled feature uses; `cargo tree` lists those that are built.
    tree = subprocess.run(
        ["cargo", "tree", "--locked", "--all-features", "--target", "all", "--prefix", "none",
         "--format", "{p}"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout
    used = {tuple(line.split()[:2]) for line in tree.splitlines() if line.strip()}
    problems = []
    count = 0
    for package in metadata["packages"]:
        version = "v" + package["version"]
        if (package["name"], version) not in used or package["name"] == "authgap":
            continue
        count += 1
        name = f"{package['name']} {package['version']}"
        licence = package["license"]
        if licence is None:
            if package["license_file"] is None:
                problems.append(f"{name}: no licence stated")
        elif not satisfied(licence, allowed):
            problems.append(f"{name}: licence {licence} is not allowed")
        if package["name"] in banned:
            problems.append(f"{name}: banned in deny.toml")
        if not (package["source"] or "").startswith("registry+"):
            problems.append(f"{name}: not from a registry: {package['source']}")
    for problem in problems:
        print(problem)
    print(f"{count} dependencies checked, {len(problems)} problems")
    print("advisories: not checked here, they need a downloaded database (cargo deny check advisories)")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
