"""The whole of it: the real template with the real functions on an emulator that enforces permissions,
used as clients use it and looked at through the same doors."""

import gzip
import io
import json
import secrets
import time
import urllib.parse

import botocore.exceptions
import pyarrow.parquet
import pytest

import door
import permissions
import template as cfn
import used
import world
from door import purchase
from world import until

# So that a link can be waited out.
CONFIG = """
[documents]
link_s = 3
"""


@pytest.fixture(scope="module")
def doors(stack):
    rest, http = door.open_doors(stack.here, stack.outputs, CONFIG)
    # As soon as a seller keeps stock, what is not in it is waited for.
    for sku in ("PEN", "SAMPLE-PEN", "SAMPLE-INK"):
        stocked(http, sku, 1_000_000)
    return rest, http


@pytest.fixture(scope="module")
def rest(doors):
    return doors[0]


@pytest.fixture(scope="module")
def http(doors):
    return doors[1]


def bucket_of(stack):
    return stack.here.client("s3"), stack.outputs["BucketName"]


def new(what="o"):
    return f"{what}-{secrets.token_hex(4)}"


def stocked(http, sku, on_hand):
    answer = http.post(f"/v1/stock/{sku}/adjustments", {"on_hand": on_hand, "reason": "counted"})
    assert answer.status in (200, 201), answer


def test_an_order_goes_in_through_either_api_and_comes_out_of_the_other(rest, http):
    for enters, leaves in [(rest, http), (http, rest)]:
        name = new()
        answer = enters.post("/v1/orders", purchase(name, quantity=3))
        assert answer.status == 202, answer
        assert answer.json()["total"] == "4.50"
        assert f"/v1/orders/{name}" in answer.headers["location"]
        order = leaves.order(name)
        assert order["status"] == "COMPLETED", order
        assert order["history"], order


def test_an_order_of_more_products_than_one_transaction_takes_is_taken_in_whole(http):
    name = new()
    order = purchase(name)
    order["items"] = [{"sku": f"{name}-{at}", "quantity": 1, "unit_price": "1.00"} for at in range(120)]
    answer = http.post("/v1/orders", order)
    assert answer.status == 202, answer
    found = http.order(name)
    assert (len(found["lines"]), found["total"]) == (120, "120.00"), found
    assert http.post("/v1/orders", order).status == 409


def test_names_with_everything_in_them_come_back_as_they_went_in(http):
    name = f"{new()}/ç#%25 &?"
    assert http.post("/v1/orders", purchase(name)).status == 202
    assert http.order(name)["order_id"] == name


def test_without_a_key_nobody_is_let_in(rest, http):
    for api in (rest, http):
        stranger = door.Door(api.base, None)
        assert stranger.get("/v1/orders/any").status == 401
        assert stranger.get("/health").status == 200
        assert door.Door(api.base, "ck_0000_ffff").get("/v1/orders/any").status == 401


def test_a_second_copy_is_a_duplicate_and_is_remembered(rest, http):
    name = new()
    assert rest.post("/v1/orders", purchase(name)).status == 202
    answer = http.post("/v1/orders", purchase(name))
    assert answer.status == 409, answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert http.order(name)["repeats"] == 1


def test_what_is_invalid_is_refused_with_everything_that_is_wrong(http):
    name = new()
    answer = http.post("/v1/orders", {"order_id": name, "items": []})
    assert answer.status == 400, answer
    codes = {violation["code"] for violation in answer.json()["violations"]}
    assert {"no_customer"} < codes, codes
    order = http.order(name)
    assert order["status"] == "INVALID", order


def test_stock_is_taken_waited_for_and_given_out_and_people_are_told(stack, http):
    pending = door.listener(stack.here, stack.outputs["PendingTopicArn"], new("pending"))
    completed = door.listener(stack.here, stack.outputs["CompletedTopicArn"], new("completed"))
    sku, first, second = new("sku"), new(), new()
    stocked(http, sku, 5)
    assert http.post("/v1/orders", purchase(first, sku, 4)).json()["status"] == "COMPLETED"
    assert http.post("/v1/orders", purchase(second, sku, 4)).json()["status"] == "BACKORDERED"
    envelope, told = pending.of(second, "stock.pending")
    assert envelope["MessageAttributes"]["type"]["Value"] == "stock.pending"
    assert envelope["MessageAttributes"]["merchant"]["Value"] == "default"
    assert told["data"]["status"] == "BACKORDERED"
    completed.of(first, "order.completed")
    # The stock that comes is given out by the relay, the work queue and `work`.
    stocked(http, sku, 8)
    http.eventually(second, "COMPLETED")
    completed.of(second, "order.completed")
    level = http.get(f"/v1/stock/{sku}").json()
    assert (level["on_hand"], level["reserved"], level["available"]) == (8, 8, 0), level


def test_a_message_of_another_producer_becomes_an_order(stack, http):
    sqs = stack.here.client("sqs")
    queue = stack.outputs["OrdersQueueUrl"]
    plain, enveloped = new(), new()
    event = {
        "specversion": "1.0",
        "id": new("event"),
        "source": "urn:shop",
        "type": "shop.order",
        "data": purchase(enveloped),
    }
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(purchase(plain)))
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(event))
    for name in (plain, enveloped):
        assert http.eventually(name, "COMPLETED")["channel"] == "queue"


def test_a_message_that_is_no_order_is_a_dead_letter_and_holds_nobody_up(stack, http):
    sqs = stack.here.client("sqs")
    queue = stack.outputs["OrdersQueueUrl"]
    name = new()
    poison = f"this is no order {new()}"
    sqs.send_message(QueueUrl=queue, MessageBody=poison)
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(purchase(name)))
    http.eventually(name, "COMPLETED")

    def buried():
        letters = http.get("/v1/dead-letters?limit=100").json()
        rows = next(value for value in letters.values() if isinstance(value, list))
        return [row for row in rows if row.get("source", "").endswith("orders")]

    until(buried, 30, "it is among the dead letters")
    empty = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert empty["ApproximateNumberOfMessages"] == "0"


def test_what_no_function_can_do_ends_in_the_queue_of_dead_letters(stack):
    sqs = stack.here.client("sqs")
    queue, dead = stack.outputs["WorkQueueUrl"], stack.outputs["WorkDlqUrl"]
    # So that five tries do not take half an hour.
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1"})
    body = json.dumps({"do": "nothing that we know", "id": new()})
    sent = {"MessageGroupId": new(), "MessageDeduplicationId": new()}
    sqs.send_message(QueueUrl=queue, MessageBody=body, **sent)

    def dropped():
        found = sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=10).get("Messages", [])
        return [message for message in found if message["Body"] == body]

    until(dropped, 60, "it is in the dead letter queue", pause=1)
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "360"})


def mixed_file(count, known):
    """Lines of a file, and the orders that are good in it: good ones, copies, invalid, broken."""
    lines, good = [], []
    for at in range(count):
        name = new("f")
        match at % 10:
            case 3:
                lines.append(json.dumps({"order_id": name, "customerId": "c", "items": []}))
            case 6:
                lines.append('{"order_id": "broken')
            case 9:
                lines.append(json.dumps(purchase(known)))
            case _:
                lines.append(json.dumps(purchase(name)))
                good.append(name)
    return "\n".join(lines) + "\n", good


def test_a_file_of_a_hundred_mixed_orders_is_taken_in_line_by_line(stack, http):
    s3, bucket = bucket_of(stack)
    known = new()
    assert http.post("/v1/orders", purchase(known)).status == 202
    text, good = mixed_file(100, known)
    # A name that S3 sends escaped.
    stem = f"pedidos de março {new()}"
    s3.put_object(Bucket=bucket, Key=f"inbox/{stem}.jsonl", Body=text.encode())

    def report():
        key = f"reports/{stem}.jsonl.json"
        found = s3.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents", [])
        is_there = any(entry["Key"] == key for entry in found)
        return is_there and json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())

    said = until(report, 90, "there is a report")
    items = said["summary"]["items"]
    counts = (items["succeeded"], items["failed"], items["skipped"])
    assert counts == (len(good), 20, 10) == (70, 20, 10), said
    lines = s3.get_object(Bucket=bucket, Key=f"reports/{stem}.jsonl.jsonl")["Body"].read()
    assert lines.count(b"\n") == 100, "every line is answered for"
    rejects = s3.get_object(Bucket=bucket, Key=f"reports/{stem}.jsonl.rejects.jsonl")["Body"].read()
    assert b"broken" in rejects
    for name in good:
        http.eventually(name, "COMPLETED")
    assert http.order(known)["repeats"] == 10


def run(stack, document, name):
    states = stack.here.client("stepfunctions")
    started = states.start_execution(
        stateMachineArn=stack.outputs["BatchStateMachineArn"], name=name, input=json.dumps(document)
    )

    def ended():
        execution = states.describe_execution(executionArn=started["executionArn"])
        return execution if execution["status"] != "RUNNING" else None

    return until(ended, 120, f"batch {name} ended", pause=0.5)


def test_a_batch_runs_through_the_state_machine(stack, http):
    batch = new("batch")
    names = [new("b") for _ in range(60)]
    orders = [purchase(name) for name in names]
    orders += [{"order_id": new("b"), "customerId": "c", "items": []}]
    execution = run(stack, {"batchId": batch, "metadata": {"wave": 1}, "orders": orders}, batch)
    assert execution["status"] == "SUCCEEDED", execution
    summary = json.loads(execution["output"])
    assert summary["items"]["succeeded"] == 60, summary
    for name in names[::7]:
        # Under contention an item is taken in, and has its stock a moment later.
        order = http.eventually(name, "COMPLETED")
        assert batch in order["batch"].values(), order


def test_the_machine_shows_itself_with_samples(stack, http):
    name = new("show")
    execution = run(stack, {}, name)
    assert execution["status"] == "SUCCEEDED", execution
    assert http.order(f"{name}-1")["status"] in ("COMPLETED", "BACKORDERED")


def test_a_batch_is_read_from_the_bucket(stack, http):
    s3, bucket = bucket_of(stack)
    batch = new("batch")
    names = [new("k") for _ in range(30)]
    body = json.dumps({"batchId": batch, "orders": [purchase(name) for name in names]})
    s3.put_object(Bucket=bucket, Key=f"batches/in/{batch}.json", Body=body.encode())
    execution = run(stack, {"batchId": batch, "key": f"batches/in/{batch}.json"}, batch)
    assert execution["status"] == "SUCCEEDED", execution
    assert json.loads(execution["output"])["items"]["succeeded"] == 30
    assert batch in http.order(names[0])["batch"].values()


def test_an_item_of_another_table_is_taken_in_through_its_stream(stack, http):
    name = new()
    stack.here.client("dynamodb").put_item(
        TableName=stack.outputs["OrdersInboxName"],
        Item={
            "orderid": {"S": name},
            "merchantid": {"S": "default"},
            "customerid": {"S": "c-9"},
            "status": {"S": "NEW"},
            "items": {
                "L": [
                    {
                        "M": {
                            "sku": {"S": "PEN"},
                            "quantity": {"N": "2"},
                            "unit_price": {"N": "1.5"},
                        }
                    }
                ]
            },
        },
    )
    assert http.eventually(name, "COMPLETED")["total"] == "3.00"


def test_a_document_is_behind_a_link_that_is_signed_and_ends(stack, http):
    name = new()
    document = json.dumps(purchase(name, notes="por favor, à tarde")).encode()
    assert http.post("/v1/orders", document).status == 202

    def linked():
        url = http.order(name)["document_url"]
        return url if url.startswith("http") else None

    url = until(linked, 40, "the document is in the archive")
    assert door.fetch(url).body == document
    key = urllib.parse.urlsplit(url)
    changed = url.replace("X-Amz-Signature=", "X-Amz-Signature=0")
    assert door.fetch(changed).status == 403
    elsewhere = key._replace(path=key.path.rsplit("/", 1)[0] + "/other").geturl()
    assert door.fetch(elsewhere).status == 403
    unsigned = key._replace(query="").geturl()
    assert door.fetch(unsigned).status == 403
    time.sleep(4)
    assert door.fetch(url).status == 403


def test_changes_are_objects_for_whoever_reads_those(stack, http):
    s3, bucket = bucket_of(stack)
    name = new()
    assert http.post("/v1/orders", purchase(name)).status == 202

    def written():
        found = s3.list_objects_v2(Bucket=bucket, Prefix="changes/").get("Contents", [])
        for entry in found:
            packed = s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
            if name.encode() in gzip.decompress(packed):
                return [json.loads(line) for line in gzip.decompress(packed).splitlines()]
        return None

    assert until(written, 40, "the change is in an object")


def test_the_lake_has_the_orders(stack, http):
    s3, bucket = bucket_of(stack)
    name = new()
    assert http.post("/v1/orders", purchase(name, quantity=2)).status == 202
    functions = stack.here.client("lambda")

    def rows():
        done = functions.invoke(FunctionName=f"{world.STACK}-lake", Payload=b"{}")
        assert "FunctionError" not in done, done["Payload"].read()
        found = s3.list_objects_v2(Bucket=bucket, Prefix="lake/manifest/").get("Contents", [])
        if not found:
            return None
        newest = max(entry["Key"] for entry in found)
        manifest = json.loads(s3.get_object(Bucket=bucket, Key=newest)["Body"].read())
        for segment in manifest["segments"]:
            place = segment["files"].get("orders")
            if place:
                body = s3.get_object(Bucket=bucket, Key=f"lake/{place['path']}")["Body"].read()
                table = pyarrow.parquet.read_table(io.BytesIO(body)).to_pylist()
                mine = [row for row in table if row["order_id"] == name]
                if mine:
                    return mine
        return None

    (row,) = until(rows, 120, "the order is in the lake", pause=3)
    assert (str(row["total"]), row["status"]) == ("3.0000", "COMPLETED")


def test_connections_that_are_not_encrypted_are_refused(stack):
    s3, bucket = bucket_of(stack)
    s3.put_object(Bucket=bucket, Key="config/any", Body=b"1")
    iam = stack.here.client("iam")
    iam.create_user(UserName="reader")
    allowed = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_user_policy(UserName="reader", PolicyName="all", PolicyDocument=policy)
    key = iam.create_access_key(UserName="reader")["AccessKey"]

    def reader(port):
        return stack.here.session.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{port}",
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=key["SecretAccessKey"],
        )

    encrypted = reader(stack.here.counter.port)
    assert encrypted.get_object(Bucket=bucket, Key="config/any")["Body"].read() == b"1"
    bare = reader(stack.here.behind)
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        bare.get_object(Bucket=bucket, Key="config/any")
    assert refused.value.response["Error"]["Code"] == "AccessDenied"


def test_permissions_are_enforced_here_so_that_those_above_prove_something(stack, http):
    iam = stack.here.client("iam")
    function = stack.here.client("lambda").get_function(FunctionName=f"{world.STACK}-api")
    role = function["Configuration"]["Role"].rsplit("/", 1)[1]
    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    (policy,) = [p["PolicyArn"] for p in attached if "ReadLedger" in p["PolicyName"]]
    name = new()
    assert http.post("/v1/orders", purchase(name)).status == 202
    iam.detach_role_policy(RoleName=role, PolicyArn=policy)
    try:
        assert http.get(f"/v1/orders/{name}").status >= 500
    finally:
        iam.attach_role_policy(RoleName=role, PolicyArn=policy)
    assert http.order(name)["status"] == "COMPLETED"


# What is asked in a function's name by Lambda itself, what its runtime does, and what comes about only
# when something goes wrong.
UNSEEN = {
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "s3:AbortMultipartUpload",
    "s3:ListBucket",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}
# Shared by all who read or write the ledger: which of them a function needs depends on its data.
SHARED = {pair for name in ("ReadLedger", "WriteLedger") for pair in permissions.of_policy(name)}
# Allowed and not seen here, each with its reason.
RARE = {
    ("files", "sqs:SendMessage", "FilesQueue"): "a file that takes longer than an invocation",
    ("lake", "s3:DeleteObject", "Bucket/lake/*"): "files that were merged, after an hour",
    ("fanout", "s3:GetObject", "Bucket/archive/*"): "a document that is there already",
    ("fanout", "sqs:SendMessage", "StreamDlq"): "Lambda's, when a batch is given up",
    ("relay", "sqs:SendMessage", "StreamDlq"): "Lambda's, when a batch is given up",
    ("inbox", "sqs:SendMessage", "StreamDlq"): "Lambda's, when a batch is given up",
    ("batch-validate", "s3:GetObject", "Bucket/inbox/*"): "a batch that is read from the inbox",
}


def test_at_the_end_functions_have_used_what_they_are_allowed_and_nothing_else(stack):
    found = used.by_function(stack.here.counter.asked, stack.here, stack.outputs)
    assert set(found) == set(cfn.application()["functions"])
    for name, pairs in found.items():
        allowed = permissions.of_application(name)
        assert pairs <= allowed, (name, pairs - allowed)
        idle = {pair for pair in allowed - pairs - SHARED if pair[0] not in UNSEEN}
        idle = {pair for pair in idle if (name, *pair) not in RARE}
        assert not idle, f"{name} is allowed what it never did: {sorted(idle)}"
    everybody = set().union(*found.values())
    assert SHARED <= everybody, f"nobody did {sorted(SHARED - everybody)}"
