"""What AWS would bill: units counted from requests, from the table's stream and from the functions'
own reports, and what they cost by deploy/prices.json.

Sizes and rules are those of the services' manuals. What a unit costs is data; nothing here knows a
price.
"""

import base64
import collections
import json
import math
import re

import template as cfn

KB = 1024


def prices():
    """USD for one of each unit."""
    table = json.loads((cfn.DEPLOY / "prices.json").read_text(encoding="utf-8"))["prices"]
    return {name: row["usd"] / row["per"] for name, row in table.items()}


def cost(units):
    """USD of each kind of unit."""
    by_name = prices()
    return {name: count * by_name[name] for name, count in units.items()}


def size_of(value):
    """Bytes of an attribute's value, as DynamoDB counts them."""
    ((kind, held),) = value.items()
    match kind:
        case "S":
            return len(held.encode())
        case "N":
            digits = re.sub(r"[eE].*|[^0-9]", "", held).strip("0")
            return math.ceil(len(digits) / 2) + 1 + held.startswith("-")
        case "B":
            return len(held if isinstance(held, bytes) else base64.b64decode(held))
        case "BOOL" | "NULL":
            return 1
        case "L":
            return 3 + sum(1 + size_of(inner) for inner in held)
        case "M":
            return 3 + sum(1 + len(name.encode()) + size_of(v) for name, v in held.items())
        case "SS" | "NS" | "BS":
            return sum(size_of({kind[0]: inner}) for inner in held)
    raise AssertionError(f"no attribute is of kind {kind}")


def item_size(item):
    """Bytes of an item: names and values."""
    return sum(len(name.encode()) + size_of(value) for name, value in item.items())


def write_units(size):
    """Of one plain write."""
    return max(1, math.ceil(size / KB))


def read_units(size, consistent):
    """Of one read; one that finds nothing counts like the least."""
    units = max(1, math.ceil(size / (4 * KB)))
    return units if consistent else units / 2


def index_entry(index, item):
    """What an index holds of an item; nothing where a key of it is missing."""
    keys = [key["AttributeName"] for key in index["KeySchema"]]
    if not item or any(key not in item for key in keys):
        return None
    names = {"PK", "SK", *keys, *index["Projection"].get("NonKeyAttributes", [])}
    whole = index["Projection"]["ProjectionType"] == "ALL"
    return {name: value for name, value in item.items() if whole or name in names}


def index_writes(index, old, new):
    """Write units that an index takes for a change of an item."""
    before, after = index_entry(index, old), index_entry(index, new)
    if before == after:
        return 0
    keys = [key["AttributeName"] for key in index["KeySchema"]]
    if before and after and all(before[key] == after[key] for key in keys):
        return write_units(max(item_size(before), item_size(after)))
    return sum(write_units(item_size(entry)) for entry in (before, after) if entry)


def of_stream(records, indexes):
    """Write units of the changes of a table, each made by a transaction."""
    units = 0
    for record in records:
        old = record["dynamodb"].get("OldImage", {})
        new = record["dynamodb"].get("NewImage", {})
        # What the table forgets by itself is free.
        if record.get("userIdentity", {}).get("type") == "Service":
            continue
        units += 2 * write_units(max(item_size(old), item_size(new)))
        units += sum(index_writes(index, old, new) for index in indexes)
    return units


def chunks(size):
    """Requests that a message of that size counts for."""
    return max(1, math.ceil(size / (64 * KB)))


def of_requests(asked):
    """Units of requests that went over the wire; writes that were made are left to the stream."""
    units = collections.Counter()
    for one in asked:
        handler = {
            "dynamodb": of_dynamodb,
            "sqs": of_sqs,
            "sns": lambda one: {"sns_requests": chunks(len(one.body))},
            "s3": of_s3,
            "execute-api": of_api,
        }.get(one.service)
        if handler:
            units.update(handler(one))
    return units


def of_dynamodb(one):
    asked, answer = json.loads(one.body), json.loads(one.answer or b"{}")
    consistent = asked.get("ConsistentRead", False)
    match one.operation:
        case "GetItem":
            return {"dynamodb_reads": read_units(item_size(answer.get("Item", {})), consistent)}
        case "BatchGetItem":
            units = 0
            for table, wanted in asked["RequestItems"].items():
                found = answer.get("Responses", {}).get(table, [])
                consistent = wanted.get("ConsistentRead", False)
                units += sum(read_units(item_size(item), consistent) for item in found)
                units += read_units(0, consistent) * (len(wanted["Keys"]) - len(found))
            return {"dynamodb_reads": units}
        case "TransactGetItems":
            items = [found.get("Item", {}) for found in answer.get("Responses", [])]
            return {"dynamodb_reads": sum(2 * read_units(item_size(i), True) for i in items)}
        case "Query" | "Scan":
            size = sum(item_size(item) for item in answer.get("Items", []))
            return {"dynamodb_reads": read_units(size, consistent)}
        case "TransactWriteItems":
            actions = asked["TransactItems"]
            if one.status != 200:
                # What a condition refused is paid for like what is done.
                return {"dynamodb_writes": 2 * len(actions)}
            return {"dynamodb_writes": 2 * sum("ConditionCheck" in action for action in actions)}
        case "PutItem" | "UpdateItem" | "DeleteItem":
            return {"dynamodb_writes": 0 if one.status == 200 else 1}
    return {}


def of_sqs(one):
    asked = json.loads(one.body)
    kind = "sqs_fifo" if asked.get("QueueUrl", "").endswith(".fifo") else "sqs_standard"
    return {kind: chunks(len(one.body))}


def of_s3(one):
    is_put = one.method in ("PUT", "POST") or "list-type=" in one.path
    # Deleting costs nothing.
    return {} if one.method == "DELETE" else {"s3_puts" if is_put else "s3_gets": 1}


def of_api(one):
    stage = one.path.split("/")[4]
    return {"api_http" if stage == "$default" else "api_rest": 1}


REPORT = re.compile(r"REPORT RequestId: \S+.*?Billed Duration: (\d+) ms.*?Memory Size: (\d+) MB")


def of_logs(events):
    """Units of a function's invocations, by its own reports."""
    units = collections.Counter()
    for event in events:
        units["logs_gb"] += (len(event["message"].encode()) + 26) / 1e9
        if found := REPORT.search(event["message"]):
            units["lambda_requests"] += 1
            units["lambda_gb_s"] += int(found[1]) / 1000 * int(found[2]) / 1024
    return units


def of_polling(invocations, messages, kind):
    """Requests by which a mapping takes messages from a queue and deletes them, ten at a time."""
    return {kind: 2 * max(invocations, math.ceil(messages / 10))}
