"""Nobody may do more than it does, and nobody less: roles against the code of the functions, against
what the services need of a role, and against the list that Terraform is made of."""

import re

import pytest

import permissions
import template as cfn

WRITTEN = cfn.load()
APPLICATION = cfn.application()
NAMES = sorted(APPLICATION["functions"])

# What knows no resources: the service authorization reference lists none for these.
WITHOUT_RESOURCE = {
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
    "dynamodb:ListStreams",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_role_allows_what_the_application_says_and_no_more(name):
    made = permissions.of_role(WRITTEN, f"{cfn.stem(name)}Role")
    assert made == permissions.of_application(name)


@pytest.mark.parametrize("name", NAMES)
def test_actions_and_resources_are_named(name):
    for action, resource in permissions.of_role(WRITTEN, f"{cfn.stem(name)}Role"):
        assert "*" not in action
        assert resource != "*" or action in WITHOUT_RESOURCE, f"{action} on everything"


@pytest.mark.parametrize("name", NAMES)
def test_a_source_can_be_polled_in_the_name_of_its_function(name):
    function = APPLICATION["functions"][name]
    allowed = permissions.of_application(name)
    if queue := function.get("queue"):
        for verb in ("DeleteMessage", "GetQueueAttributes", "ReceiveMessage"):
            assert (f"sqs:{verb}", queue["name"]) in allowed
    if stream := function.get("stream"):
        for verb in ("DescribeStream", "GetRecords", "GetShardIterator"):
            assert (f"dynamodb:{verb}", f"{stream['name']}/stream/*") in allowed
        assert ("dynamodb:ListStreams", "*") in allowed
        assert ("sqs:SendMessage", "StreamDlq") in allowed


# An operation of a client and the actions that it is authorized by.
OPERATIONS = {
    "batch_get_item": ["dynamodb:BatchGetItem"],
    "delete_item": ["dynamodb:DeleteItem"],
    "get_item": ["dynamodb:GetItem"],
    "put_item": ["dynamodb:PutItem"],
    "query": ["dynamodb:Query"],
    "scan": ["dynamodb:Scan"],
    "transact_get_items": ["dynamodb:GetItem"],
    "transact_write_items": [
        "dynamodb:ConditionCheckItem",
        "dynamodb:DeleteItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
    ],
    "update_item": ["dynamodb:UpdateItem"],
    "send_message": ["sqs:SendMessage"],
    "send_message_batch": ["sqs:SendMessage"],
    "change_message_visibility": ["sqs:ChangeMessageVisibility"],
    "publish": ["sns:Publish"],
    "publish_batch": ["sns:Publish"],
}
# Made for tests and for `comanda serve`, never by a function.
OF_OTHERS = {"create_table", "describe_table", "update_time_to_live", "delete_table"}


def operations_of_the_code():
    """Names of operations of AWS's clients that are called somewhere in the crate."""
    client = re.compile(r"\b(?:client|dynamo|db|sqs|sns)(?:\(\))?\s*\.\s*([a-z_]+)\(\)")
    called = set()
    for path in (cfn.ROOT / "crates" / "aws" / "src").rglob("*.rs"):
        code = path.read_text(encoding="utf-8").split("#[cfg(test)]")[0]
        called.update(client.findall(code))
    return called - OF_OTHERS


def test_every_call_of_the_code_is_allowed_to_somebody():
    allowed = {action for name in NAMES for action, _ in permissions.of_application(name)}
    called = {name for name in operations_of_the_code() if name in OPERATIONS}
    assert "transact_write_items" in called, "the pattern finds no call: has the code changed?"
    for name in called:
        assert set(OPERATIONS[name]) <= allowed, f"{name} is called and nobody may"


def test_whoever_commits_may_write_and_whoever_does_not_may_not():
    for name in NAMES:
        actions = {action for action, _ in permissions.of_application(name)}
        reads = "ReadLedger" in APPLICATION["functions"][name]["policies"]
        assert ("dynamodb:PutItem" in actions) <= reads, f"{name} writes what it cannot read"
    # These two hang off the same stream; one that wrote to the table would feed itself.
    for name in ("relay", "fanout"):
        actions = {action for action, _ in permissions.of_application(name)}
        assert not actions & set(OPERATIONS["transact_write_items"])
