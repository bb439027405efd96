"""Which permissions functions use, from the requests they made.

A pair of action and resource as in deploy/application.json.
"""

import hashlib
import json
import urllib.parse

import template as cfn
import world

WRITES = {
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
}


# Objects that are allowed by their own names.
NAMED = {("Put", "config/lake.secret")}


def signers(here):
    """Names of functions by the key that the emulator hands to each: a hash of its own and its
    role's name."""
    found = {}
    for page in here.client("lambda").get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            text = f"{function['FunctionArn']}:{function['Role']}"
            key = f"ASIA{hashlib.sha256(text.encode()).hexdigest()[:16].upper()}"
            found[key] = function["FunctionName"].removeprefix(f"{world.STACK}-")
    return found


def pairs(one, outputs):
    """What a request needed."""
    match one.service:
        case "dynamodb":
            return of_dynamodb(one)
        case "sqs":
            url = json.loads(one.body)["QueueUrl"].rsplit("/", 1)[1]
            queues = cfn.application()["queues"].items()
            (queue,) = [id for id, q in queues if url == f"{world.STACK}-{q['name']}"]
            return {(f"sqs:{one.operation.removesuffix('Batch')}", queue)}
        case "sns":
            arn = urllib.parse.parse_qs(one.body.decode())["TopicArn"][0].rsplit(":", 1)[1]
            topics = cfn.application()["topics"].items()
            (topic,) = [id for id, name in topics if arn == f"{world.STACK}-{name}"]
            return {(f"sns:{one.operation.removesuffix('Batch')}", topic)}
        case "s3":
            return of_s3(one, outputs["BucketName"])
    raise AssertionError(f"nobody is allowed anything of {one.service}")


def of_dynamodb(one):
    asked = json.loads(one.body)
    match one.operation:
        case "TransactWriteItems":
            return {(WRITES[next(iter(action))], "Table") for action in asked["TransactItems"]}
        case "TransactGetItems":
            return {("dynamodb:GetItem", "Table")}
        case "Query" if "IndexName" in asked:
            return {("dynamodb:Query", "Table/index/*")}
    return {(f"dynamodb:{one.operation}", "Table")}


def of_s3(one, bucket):
    address = urllib.parse.urlsplit(one.path)
    if "list-type=" in address.query:
        return {("s3:ListBucket", "Bucket")}
    verb = {"GET": "Get", "HEAD": "Get", "DELETE": "Delete"}.get(one.method, "Put")
    if one.method == "DELETE" and "uploadId=" in address.query:
        return {("s3:AbortMultipartUpload", f"Bucket/{folder(address, bucket)}/*")}
    if one.method == "POST" and address.query == "delete":
        return {("s3:DeleteObject", f"Bucket/{named(one)}/*")}
    key = address.path.removeprefix(f"/{bucket}/")
    if (verb, key) in NAMED:
        return {(f"s3:{verb}Object", f"Bucket/{key}")}
    return {(f"s3:{verb}Object", f"Bucket/{folder(address, bucket)}/*")}


def folder(address, bucket):
    return address.path.removeprefix(f"/{bucket}/").split("/", 1)[0]


def named(one):
    """The folder of the objects that one request deletes."""
    text = one.body.decode()
    return text.split("<Key>", 1)[1].split("/", 1)[0]


def by_function(asked, here, outputs):
    """Of each function, what it used."""
    names = signers(here)
    found = {name: set() for name in names.values()}
    for one in asked:
        if one.signer in names:
            found[names[one.signer]] |= pairs(one, outputs)
    return found
