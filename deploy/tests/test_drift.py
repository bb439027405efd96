"""The template and Terraform make the same application: both are deployed, each to an emulator of its
own, and what the services then say of the two is compared.

Where the emulator's CloudFormation passes over a property, the template's own word is taken.
"""

import json

import deployed
import door
import template as cfn
import terraform
import world

WRITTEN = cfn.load()
PARAMETERS = WRITTEN["Parameters"]


def by_the_template(made):
    """What is deployed by the template, with the properties that the emulator passes over."""
    resources = WRITTEN["Resources"]
    for name in cfn.application()["functions"]:
        properties = resources[f"{cfn.stem(name)}Function"]["Properties"]
        reserved = properties.get("ReservedConcurrentExecutions")
        made["functions"][f"{world.STACK}-{name}"]["reserved"] = reserved
    for logical, name in [("Table", "table"), ("OrdersInbox", "orders-inbox")]:
        properties = resources[logical]["Properties"]
        table = made["tables"][f"{world.STACK}-{name}"]
        enabled = properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
        table["backups"] = "ENABLED" if enabled else "DISABLED"
        table["expires"] = properties.get("TimeToLiveSpecification", {}).get("AttributeName")
    for logical, name in cfn.application()["topics"].items():
        key = resources[logical]["Properties"].get("KmsMasterKeyId")
        made["topics"][f"{world.STACK}-{name}"] = key
    settings = resources["HttpApiStage"]["Properties"]["DefaultRouteSettings"]
    rates = [
        PARAMETERS[settings[name]["Ref"]]["Default"]
        for name in ("ThrottlingRateLimit", "ThrottlingBurstLimit")
    ]
    made["http"]["stages"] = [(name, auto, *rates) for name, auto, _, _ in made["http"]["stages"]]
    return made


def comparable(description):
    """As text and numbers alone."""
    return json.loads(json.dumps(description, sort_keys=True, default=list))


@terraform.needed
def test_both_ways_of_deploying_make_the_same_application(stack, terraformed):
    by_template = comparable(by_the_template(deployed.description(stack.here, world.STACK)))
    by_terraform = comparable(deployed.description(terraformed.here, world.STACK))
    assert set(by_template["functions"]) == {
        f"{world.STACK}-{name}" for name in cfn.application()["functions"]
    }
    for part in by_template:
        assert by_template[part] == by_terraform[part], part


def lifecycle_of_the_template():
    rules = WRITTEN["Resources"]["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    return sorted(
        (
            rule["Id"],
            rule["Status"],
            rule.get("Prefix", ""),
            rule.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation"),
            rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays"),
            rule.get("ExpirationInDays"),
            [(t["StorageClass"], t["TransitionInDays"]) for t in rule.get("Transitions", [])],
        )
        for rule in rules
    )


def first(blocks, name):
    return blocks[0].get(name) if blocks else None


@terraform.needed
def test_the_buckets_rules_and_the_machines_traces_are_the_same(terraformed):
    # The emulator's CloudFormation knows neither, so these are read where they are written.
    state = json.loads(terraformed.run("show", "-json")[1])["values"]["root_module"]["resources"]
    found = {resource["address"]: resource["values"] for resource in state}
    rules = found["aws_s3_bucket_lifecycle_configuration.bucket"]["rule"]
    assert lifecycle_of_the_template() == sorted(
        (
            rule["id"],
            rule["status"],
            first(rule["filter"], "prefix") or "",
            first(rule["abort_incomplete_multipart_upload"], "days_after_initiation"),
            first(rule["noncurrent_version_expiration"], "noncurrent_days"),
            first(rule["expiration"], "days"),
            [(t["storage_class"], t["days"]) for t in rule["transition"]],
        )
        for rule in rules
    )
    text = (cfn.DEPLOY / "terraform" / "machine.tf").read_text(encoding="utf-8")
    assert WRITTEN["Resources"]["BatchStateMachine"]["Properties"]["Tracing"] == {"Enabled": True}
    assert "tracing_configuration {\n    enabled = true" in text


# What the emulator forgets when it is asked, and the provider then means to set again.
FORGOTTEN = {
    "aws_cloudwatch_metric_alarm": {
        "actions_enabled",
        "alarm_actions",
        "alarm_description",
        "dimensions",
        "period",
        "statistic",
        "treat_missing_data",
    },
    "aws_sfn_state_machine": {"tracing_configuration"},
}


@terraform.needed
def test_a_second_plan_is_empty(terraformed):
    terraformed.run("plan", "-input=false", "-out=second", "-detailed-exitcode", fine=(0, 2))
    plan = json.loads(terraformed.run("show", "-json", "second")[1])
    for change in plan["resource_changes"]:
        before, after = change["change"]["before"], change["change"]["after"]
        if change["change"]["actions"] == ["no-op"]:
            continue
        assert change["change"]["actions"] == ["update"], change["address"]
        differ = {name for name in after if after[name] != before.get(name)}
        assert differ <= FORGOTTEN.get(change["type"], set()), (change["address"], differ)
    # What it forgets of alarms it does know: it says so in the other of its two languages, and
    # test_both_ways_of_deploying_make_the_same_application reads it there.


@terraform.needed
def test_an_order_goes_through_what_terraform_made_and_then_it_is_destroyed(terraformed):
    outputs = terraformed.outputs()
    named = {
        "BucketName": outputs["bucket"],
        "RestApiId": outputs["rest_api_id"],
        "HttpApiId": outputs["http_api_id"],
    }
    rest, http = door.open_doors(terraformed.here, named)
    assert rest.post("/v1/orders", door.purchase("t-1")).status == 202
    assert http.order("t-1")["status"] == "COMPLETED"
    # The edge refuses what is no order, in the shape of every other problem.
    for body in ({"order_id": "t-2"}, {"items": "none"}, []):
        refused = rest.post("/v1/orders", body)
        assert refused.status == 400, refused
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["code"] == "invalid"
    assert http.order("t-2") is None, "what the edge refuses never came in"
    # The model refuses nothing that is an order: every spelling passes.
    transfer = {"id": "t-3", "amount": 2580, "fromAccount": "1111111", "toAccount": "7777777"}
    assert rest.post("/orders", transfer).status in (200, 202)

    said = terraformed.run("destroy", "-auto-approve", "-input=false")[1]
    assert "Destroy complete!" in said
    assert not terraformed.here.client("lambda").list_functions()["Functions"]
    assert not terraformed.here.client("s3").list_buckets()["Buckets"]
