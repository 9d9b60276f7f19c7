"""CloudTrail records of the demo account: callers, and the form of a record."""

import collections
import datetime as dt

from .base import ACCOUNT, HOME, draw, iso, session_key, unique_id
from .estate import role_arn, user_arn

Event = collections.namedtuple("Event", "time region record")
EVENTS = []


class Caller:
    """Who calls, from where and with what."""

    def __init__(self, identity, ip, agent, console=False):
        self.identity, self.ip, self.agent, self.console = identity, ip, agent, console

    def through(self, service):
        """The same identity, with a service calling on its behalf (a forward access session)."""
        name = f"{service}.amazonaws.com"
        return Caller({**self.identity, "invokedBy": name}, name, name)


def service(name):
    name = f"{name}.amazonaws.com"
    return Caller({"type": "AWSService", "invokedBy": name}, name, name)


def session(role, name, created, ip, agent, key=None, mfa=False, console=False):
    identity = {
        "type": "AssumedRole",
        "principalId": f"{unique_id('AROA', role)}:{name}",
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{name}",
        "accountId": ACCOUNT,
        "accessKeyId": key or session_key(),
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": unique_id("AROA", role),
                "arn": role_arn(role),
                "accountId": ACCOUNT,
                "userName": role,
            },
            "attributes": {"creationDate": iso(created), "mfaAuthenticated": str(mfa).lower()},
        },
    }
    return Caller(identity, ip, agent, console)


def user(name, ip, agent, key=None):
    identity = {
        "type": "IAMUser",
        "principalId": unique_id("AIDA", name),
        "arn": user_arn(name),
        "accountId": ACCOUNT,
        "userName": name,
    }
    if key:
        identity["accessKeyId"] = key
    return Caller(identity, ip, agent)


def emit(time, call, who, request=None, write=False, region=HOME, **more):
    """Adds one record. `more`: version, response, error (code, message), resources, extra, kind."""
    source, name = call.split(":")
    record = {
        "eventVersion": more.get("version", "1.11"),
        "userIdentity": who.identity,
        "eventTime": iso(time),
        "eventSource": f"{source}.amazonaws.com",
        "eventName": name,
        "awsRegion": region,
        "sourceIPAddress": who.ip,
        "userAgent": who.agent,
    }
    if "error" in more:
        record["errorCode"], record["errorMessage"] = more["error"]
    record["requestParameters"], record["responseElements"] = request, more.get("response")
    if "extra" in more:
        record["additionalEventData"] = more["extra"]
    kind = more.get("kind", "AwsApiCall")
    if kind == "AwsApiCall":
        record["requestID"] = draw.guid()
    record["eventID"], record["readOnly"] = draw.guid(), not write
    if "resources" in more:
        record["resources"] = [
            {"accountId": ACCOUNT, "type": kind, "ARN": arn} for kind, arn in more["resources"]
        ]
    record |= {"eventType": kind, "managementEvent": True, "recipientAccountId": ACCOUNT}
    if who.identity["type"] == "AWSService":
        record["sharedEventID"] = draw.guid()
    record["eventCategory"] = "Management"
    if not who.ip.endswith(".amazonaws.com"):
        record["tlsDetails"] = {
            "tlsVersion": "TLSv1.3",
            "cipherSuite": "TLS_AES_128_GCM_SHA256",
            "clientProvidedHostHeader": f"{source}.{region}.amazonaws.com",
        }
    if who.console:
        record["sessionCredentialFromConsole"] = "true"
    EVENTS.append(Event(time, region, record))
    return record


def credentials(role, name, key, time):
    end = time + dt.timedelta(hours=1)
    until = end.strftime(f"%b {end.day}, %Y, {end.hour % 12 or 12}:%M:%S %p")
    return {
        "credentials": {"accessKeyId": key, "sessionToken": "", "expiration": until},
        "assumedRoleUser": {
            "assumedRoleId": f"{unique_id('AROA', role)}:{name}",
            "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{name}",
        },
    }


def assumed_by_service(time, name, role, session_name):
    """A service takes a role for its workload; returns the session's key."""
    key = session_key()
    emit(
        time,
        "sts:AssumeRole",
        service(name),
        {"roleArn": role_arn(role), "roleSessionName": session_name, "durationSeconds": 3600},
        version="1.10",
        response=credentials(role, session_name, key, time),
        resources=[("AWS::IAM::Role", role_arn(role))],
    )
    return key
