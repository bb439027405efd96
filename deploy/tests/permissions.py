"""What each function may do, as sets of (action, resource), read from the template.

A resource is named as in deploy/application.json: `Table`, `Table/index/*`, `Bucket/inbox/*`.
"""

import re

import template as cfn


def resource(value):
    """A resource of a statement by its logical name."""
    if value == "*":
        return "*"
    if "Ref" in value:
        return value["Ref"]
    if "Fn::GetAtt" in value:
        name, attribute = value["Fn::GetAtt"]
        return f"{name}/stream/*" if attribute == "StreamArn" else name
    text = value["Fn::Sub"].strip()
    text = text.removeprefix("arn:${AWS::Partition}:s3:::")
    found = re.fullmatch(r"\$\{(\w+)(?:\.Arn)?\}(/.*)?", text)
    assert found, f"no resource is named like {text}"
    return found[1] + (found[2] or "")


def many(value):
    return value if isinstance(value, list) else [value]


def statements(document):
    """The pairs that a policy allows; nothing in it denies."""
    pairs = set()
    for statement in document["Statement"]:
        assert statement["Effect"] == "Allow"
        assert not {"NotAction", "NotResource"} & set(statement)
        for action in many(statement["Action"]):
            for named in many(statement["Resource"]):
                pairs.add((action, resource(named)))
    return pairs


def of_role(template, name):
    """All that a role may do: its own policies and the shared ones."""
    properties = template["Resources"][name]["Properties"]
    pairs = set()
    for policy in properties.get("Policies", []):
        pairs |= statements(policy["PolicyDocument"])
    for shared in properties.get("ManagedPolicyArns", []):
        pairs |= statements(template["Resources"][shared["Ref"]]["Properties"]["PolicyDocument"])
    return pairs


def of_policy(name):
    """The pairs of a policy that functions share."""
    return {
        (action, resource)
        for statement in cfn.application()["policies"][name]
        for action in statement["actions"]
        for resource in statement["resources"]
    }


def of_application(name):
    """All that deploy/application.json says a function may do, its own log included."""
    application = cfn.application()
    function = application["functions"][name]
    stem = cfn.stem(name)
    pairs = {(f"logs:{verb}", f"{stem}LogGroup") for verb in ("CreateLogStream", "PutLogEvents")}
    for statement in function["statements"]:
        for action in statement["actions"]:
            pairs.update((action, named) for named in statement["resources"])
    return pairs.union(*(of_policy(policy) for policy in function["policies"]))
