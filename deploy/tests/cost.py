"""Counts what AWS would bill for orders of each channel, and prints USD for a million of them beside
what the systems would come to that Comanda replaces: `make aws-cost`.

Requests, rows and reports are counted while the real functions work on an emulator. How long a
function takes is this machine's time, not AWS's.
"""

import collections
import json
import sys
import time

import bill
import door
import naive
import template as cfn
import world

ORDERS = 200
# The follower of the log stands this long behind its end.
SETTLED_S = 15


class Meter:
    """Counts from one moment to another."""

    def __init__(self, stack, outputs):
        self.here = stack
        self.outputs = outputs
        self.table = json.loads(
            (cfn.ROOT / "crates" / "aws" / "table.json").read_text(encoding="utf-8")
        )
        self.seen_records = 0
        self.seen_events = collections.Counter()

    def begin(self):
        """From here on."""
        self.quiet()
        self.units()

    def quiet(self):
        """Waits until nobody asks for anything any more."""
        last, since = -1, time.monotonic()
        while time.monotonic() - since < 6:
            count = len(self.here.counter.asked)
            if count != last:
                last, since = count, time.monotonic()
            time.sleep(0.5)

    def units(self):
        """What was used since the last time."""
        asked, self.here.counter.asked = self.here.counter.asked, []
        # What the meter itself asks is nobody's cost.
        self.here.counter.counting = False
        try:
            units = bill.of_requests(one for one in asked if is_of_comanda(one))
            units["dynamodb_writes"] += bill.of_stream(
                self.records(), self.table["GlobalSecondaryIndexes"]
            )
            invocations = {}
            for name in cfn.application()["functions"]:
                used = bill.of_logs(self.events(name))
                invocations[name] = used["lambda_requests"]
                units.update(used)
            sent = messages(asked)
            units.update(bill.of_polling(invocations["work"], sent["work"], "sqs_fifo"))
            units.update(bill.of_polling(invocations["intake"], sent["orders"], "sqs_standard"))
            units.update(bill.of_polling(invocations["files"], invocations["files"], "sqs_standard"))
            return units, invocations
        finally:
            self.here.counter.counting = True

    def records(self):
        """New records of the table's stream."""
        streams = self.here.client("dynamodbstreams")
        arn = self.here.client("dynamodb").describe_table(TableName=self.outputs["TableName"])[
            "Table"
        ]["LatestStreamArn"]
        records = []
        shards = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        for shard in shards:
            place = streams.get_shard_iterator(
                StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while place:
                page = streams.get_records(ShardIterator=place)
                records += page["Records"]
                place = page.get("NextShardIterator") if page["Records"] else None
        new, self.seen_records = records[self.seen_records :], len(records)
        return new

    def events(self, name):
        """New lines of a function's log."""
        logs = self.here.client("logs")
        group = f"/aws/lambda/{world.STACK}-{name}"
        events = []
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group):
            events += page["events"]
        new, self.seen_events[name] = events[self.seen_events[name] :], len(events)
        return new


def is_of_comanda(one):
    """Whether a request is one of the application, or of a client towards it: not of this program,
    which looks at logs and streams and waits for ends."""
    if one.service == "execute-api":
        return one.method != "GET" or "meter" not in one.path
    if "boto" not in one.agent.lower():
        return True
    return one.operation in ("SendMessage", "SendMessageBatch") or (
        one.service == "s3" and one.method == "PUT"
    )


def messages(asked):
    """How many messages were sent to each queue."""
    sent = collections.Counter()
    for one in asked:
        if one.service == "sqs" and one.operation.startswith("SendMessage"):
            body = json.loads(one.body)
            queue = "work" if body["QueueUrl"].endswith("work.fifo") else "orders"
            sent[queue] += len(body.get("Entries", [1]))
    return sent


def by_api(api):
    def send(here, outputs, names):
        for name in names:
            answer = api.post("/v1/orders", order(name))
            assert answer.status == 202, answer

    return send


def by_queue(here, outputs, names):
    sqs = here.client("sqs")
    for at in range(0, len(names), 10):
        entries = [
            {"Id": str(n), "MessageBody": json.dumps(order(name))}
            for n, name in enumerate(names[at : at + 10])
        ]
        sqs.send_message_batch(QueueUrl=outputs["OrdersQueueUrl"], Entries=entries)


def by_file(here, outputs, names):
    body = "".join(json.dumps(order(name)) + "\n" for name in names).encode()
    here.client("s3").put_object(
        Bucket=outputs["BucketName"], Key=f"inbox/{names[0]}.jsonl", Body=body
    )


def by_batch(here, outputs, names):
    document = {"batchId": f"batch-{names[0]}", "orders": [order(name) for name in names]}
    key = f"batches/in/{names[0]}.json"
    here.client("s3").put_object(
        Bucket=outputs["BucketName"], Key=key, Body=json.dumps(document).encode()
    )
    here.client("stepfunctions").start_execution(
        stateMachineArn=outputs["BatchStateMachineArn"],
        name=f"batch-{names[0]}",
        input=json.dumps({"batchId": document["batchId"], "key": key}),
    )


def order(name):
    """An order of two lines in a document of about 1 KB, whose products are kept in stock."""
    return {
        "order_id": name,
        "customerId": f"customer-{name}",
        "items": [
            {"sku": "COST-PEN", "quantity": 1, "unit_price": "1.50"},
            {"sku": "COST-INK", "quantity": 2, "unit_price": "20.00"},
        ],
        "notes": "n" * 700,
    }


def transitions(orders):
    """State transitions of a batch: the emulator makes a child of each item, where AWS makes one of
    each 25, with a start and a step."""
    machine = json.loads(
        (cfn.DEPLOY / "statemachine" / "batch.asl.json").read_text(encoding="utf-8")
    )
    per_child = machine["States"]["ProcessOrders"]["ItemBatcher"]["MaxItemsPerBatch"]
    # From the start: is it a batch, its variables, validate, has it items, the map, the summary, how
    # did it end, done.
    return 9 + 2 * -(-orders // per_child)


def measured(count=ORDERS):
    """Units of `count` orders of each channel, the invocations of each function with them."""
    here = world.World()
    try:
        outputs = world.deploy(here, {"Protect": "false", "ConfigKey": "config/comanda.toml"})
        rest, http = door.open_doors(here, outputs)
        for sku in ("COST-PEN", "COST-INK"):
            http.post(f"/v1/stock/{sku}/adjustments", {"on_hand": 1000000, "reason": "counted"})
        meter = Meter(here, outputs)
        channels = {
            "api (HTTP)": by_api(http),
            "api (REST)": by_api(rest),
            "queue": by_queue,
            "file": by_file,
            "batch": by_batch,
        }
        found = {}
        for channel, send in channels.items():
            meter.begin()
            names = [f"{channel[:1]}{len(found)}-{n}" for n in range(count)]
            send(here, outputs, names)
            http.eventually(names[-1], "COMPLETED", 120)
            meter.quiet()
            units, invocations = meter.units()
            if channel == "batch":
                units["states_transitions"] = transitions(count)
            found[channel] = ({name: n / count for name, n in units.items() if n}, invocations)
        return found
    finally:
        here.close()


ROWS = [
    ("API Gateway", ["api_http", "api_rest"]),
    ("Lambda", ["lambda_requests", "lambda_gb_s"]),
    ("DynamoDB, writes", ["dynamodb_writes"]),
    ("DynamoDB, reads", ["dynamodb_reads"]),
    ("SQS", ["sqs_standard", "sqs_fifo"]),
    ("SNS", ["sns_requests"]),
    ("S3", ["s3_puts", "s3_gets"]),
    ("Step Functions", ["states_transitions"]),
    ("logs", ["logs_gb"]),
]


def table(columns):
    """USD per million orders as a table in Markdown: a column for each of `columns`."""
    lines = ["| USD per million orders | " + " | ".join(columns) + " |"]
    lines.append("|---|" + "---:|" * len(columns))
    costs = {name: bill.cost(units) for name, units in columns.items()}
    for title, kinds in ROWS:
        cells = [sum(costs[name].get(kind, 0) for kind in kinds) * 1e6 for name in columns]
        lines.append(f"| {title} | " + " | ".join(f"{cell:.2f}" for cell in cells) + " |")
    sums = [sum(costs[name].values()) * 1e6 for name in columns]
    lines.append("| **all** | " + " | ".join(f"**{cell:.2f}**" for cell in sums) + " |")
    return "\n".join(lines)


def counted(columns):
    """Units per order as a table in Markdown."""
    kinds = [kind for _, group in ROWS for kind in group]
    kinds = [kind for kind in kinds if any(units.get(kind) for units in columns.values())]
    lines = ["| per order | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    for kind in kinds:
        cells = [columns[name].get(kind, 0) for name in columns]
        lines.append(f"| {kind} | " + " | ".join(f"{cell:.6g}" for cell in cells) + " |")
    return "\n".join(lines)


def standing():
    """USD a month when nothing happens: what it is for, and how much."""
    template = cfn.load()
    rows = json.loads((cfn.DEPLOY / "prices.json").read_text(encoding="utf-8"))["standing"]
    prices = bill.prices()
    alarms = len(cfn.of_type(template, "AWS::CloudWatch::Alarm"))
    # Five pollers that wait twenty seconds each, of each queue that a function hears from.
    polls = 5 * 3 * 60 * 24 * 30
    queues = [f["queue"]["name"] for f in cfn.application()["functions"].values() if "queue" in f]
    fifo = sum(name == "WorkQueue" for name in queues)
    return [
        (f"{alarms} alarms", alarms * rows["alarm"]["usd_per_month"]),
        (
            f"looking into {len(queues)} empty queues",
            polls * (prices["sqs_standard"] * (len(queues) - fifo) + prices["sqs_fifo"] * fifo),
        ),
        ("`lake`, once a minute", 60 * 24 * 30 * prices["lambda_requests"]),
    ]


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ORDERS
    found = measured(count)
    columns = {name: units for name, (units, _) in found.items()}
    print(f"{count} orders of each channel\n\n{table(columns)}\n\n{counted(columns)}\n")
    print(f"The systems by themselves\n\n{table(naive.SYSTEMS)}\n")
    print(f"The systems in a row, for what Comanda does with an order\n\n{table(naive.WHOLE)}\n")
    print("USD a month when nothing happens")
    for what, usd in standing():
        print(f"{what}: {usd:.2f}")
    for name, (_, invocations) in found.items():
        print(name, {function: n for function, n in invocations.items() if n})


if __name__ == "__main__":
    main()
