"""Reads the CloudFormation template: as it is written, and as SAM turns it into plain resources.

Never talks to AWS.
"""

import copy
import hashlib
import json
import os
import pathlib
import types

import yaml

DEPLOY = pathlib.Path(__file__).resolve().parent.parent
ROOT = DEPLOY.parent
PATH = DEPLOY / "cloudformation" / "template.yaml"


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms."""


def _short_form(loader, suffix, node):
    name = "Ref" if suffix == "Ref" else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if name == "Fn::GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {name: value}


Loader.add_multi_constructor("!", _short_form)


def load():
    """The template as it is written, long forms throughout."""
    return yaml.load(PATH.read_text(encoding="utf-8"), Loader)


def packaged(template, bucket, code_key, machine_key):
    """The template with its files where `sam deploy` would have put them."""
    done = copy.deepcopy(template)
    done["Globals"]["Function"]["CodeUri"] = {"Bucket": bucket, "Key": code_key}
    machine = done["Resources"]["BatchStateMachine"]["Properties"]
    machine["DefinitionUri"] = {"Bucket": bucket, "Key": machine_key}
    return done


def plain():
    """What SAM makes of it: resources that CloudFormation knows by itself."""
    from samtranslator.translator.transform import transform

    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    template = packaged(load(), "artifacts", "comanda-lambda.zip", "batch.asl.json")
    return transform(template, {}, types.SimpleNamespace(load=lambda: {}))


def of_type(template, kind):
    """The resources of a kind, by logical id."""
    return {
        name: resource
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def api_hash(template):
    """A hash of all that a deployment of the REST API is a copy of."""
    copied = {
        name: resource
        for name, resource in template["Resources"].items()
        if resource["Type"].startswith("AWS::ApiGateway::")
        and resource["Type"].rsplit("::", 1)[1] not in ("Account", "Deployment", "Stage")
    }
    text = json.dumps(copied, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def application():
    """deploy/application.json: what both templates are held against."""
    return json.loads((DEPLOY / "application.json").read_text(encoding="utf-8"))


def stem(name):
    """What logical ids of a function begin with: `BatchItems` of `batch-items`."""
    return "".join(part.capitalize() for part in name.split("-"))
