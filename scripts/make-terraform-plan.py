#!/usr/bin/env python3
"""Writes a Terraform plan (`terraform show -json`) of many resources, for timing.

    scripts/make-terraform-plan.py [RESOURCES] [--pretty] > plan.json

A quarter of the resources are roles, inline policies, managed policies and attachments, one in a hundred is known only
after apply; the rest are instances with long values, which grant nothing. The same arguments give the same bytes.
"""

import json
import sys


def change(address, kind, name, index, after, unknown, actions=("create",), before=None):
    return {
        "address": f'{address}[{index}]',
        "mode": "managed",
        "type": kind,
        "name": name,
        "index": index,
        "provider_name": "registry.terraform.io/hashicorp/aws",
        "change": {
            "actions": list(actions),
            "before": before,
            "after": after,
            "after_unknown": unknown,
            "before_sensitive": False,
            "after_sensitive": {},
        },
    }


def policy(number):
    statement = {
        "Sid": f"S{number}",
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:PutObject", "sqs:SendMessage", f"dynamodb:{'*' if number % 50 == 0 else 'GetItem'}"],
        "Resource": [f"arn:aws:s3:::bucket-{number}/*", f"arn:aws:sqs:eu-west-1:111122223333:queue-{number}", "*"],
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]})


def changes(count):
    for at in range(count):
        number, kind = divmod(at, 16)
        name = f"service-{number}"
        if kind == 0:
            role = {"name": name, "path": "/", "assume_role_policy": TRUST, "tags": {"team": f"t{number % 7}"}}
            arn = f"arn:aws:iam::111122223333:role/{name}"
            if number % 3 == 0:
                role = {**role, "arn": arn, "managed_policy_arns": [], "inline_policy": []}
                yield change("aws_iam_role.service", "aws_iam_role", "service", number, role, {}, ["no-op"], role)
            else:
                yield change("aws_iam_role.service", "aws_iam_role", "service", number, role, {"arn": True, "id": True})
        elif kind == 1:
            after, unknown = {"name": "own", "role": name, "policy": policy(number)}, {"id": True}
            if number % 100 == 99:
                after, unknown = {"name": "own"}, {"id": True, "role": True, "policy": True}
            yield change("aws_iam_role_policy.own", "aws_iam_role_policy", "own", number, after, unknown)
        elif kind == 2:
            after = {"name": f"shared-{number}", "path": "/", "policy": policy(number)}
            yield change("aws_iam_policy.shared", "aws_iam_policy", "shared", number, after, {"arn": True, "id": True})
        elif kind == 3:
            after = {"role": name, "policy_arn": f"arn:aws:iam::111122223333:policy/shared-{number}"}
            yield change("aws_iam_role_policy_attachment.shared", "aws_iam_role_policy_attachment", "shared", number, after, {"id": True})
        else:
            after = {"ami": "ami-0abcdef", "instance_type": "m7g.large", "user_data": "#!/bin/sh\n" + "echo installing\n" * 60,
                     "tags": {f"tag-{k}": "value" * 4 for k in range(10)}}
            yield change(f"aws_instance.i{kind}", "aws_instance", f"i{kind}", number, after, {"id": True, "arn": True})


def main():
    arguments = [one for one in sys.argv[1:] if not one.startswith("-")]
    count = int(arguments[0]) if arguments else 5000
    found = list(changes(count))
    planned = [{"address": one["address"], "mode": "managed", "type": one["type"], "name": one["name"], "index": one["index"],
                "values": one["change"]["after"]} for one in found]
    references = {
        "policy": {"references": ["aws_s3_bucket.logs.arn", "aws_s3_bucket.logs"]},
        "role": {"references": ["aws_iam_role.service", "count.index"]},
    }
    plan = {
        "format_version": "1.2",
        "terraform_version": "1.9.8",
        "planned_values": {"root_module": {"resources": planned}},
        "resource_changes": found,
        "configuration": {
            "provider_config": {"aws": {"name": "aws", "expressions": {"region": {"constant_value": "eu-west-1"}}}},
            "root_module": {"resources": [
                {"address": "aws_iam_role.service", "mode": "managed", "type": "aws_iam_role", "name": "service",
                 "provider_config_key": "aws", "expressions": {}},
                {"address": "aws_iam_role_policy.own", "mode": "managed", "type": "aws_iam_role_policy", "name": "own",
                 "provider_config_key": "aws", "expressions": references},
            ]},
        },
    }
    json.dump(plan, sys.stdout, indent=2 if "--pretty" in sys.argv else None)
    sys.stdout.write("\n")


main()
