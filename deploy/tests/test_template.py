"""The CloudFormation template by itself: what linters, the rules of the services and our own code say
of it."""

import json
import pathlib
import re
import subprocess
import sys

import pytest

import template as cfn

WRITTEN = cfn.load()
PLAIN = cfn.plain()
APPLICATION = cfn.application()
FUNCTIONS = cfn.of_type(WRITTEN, "AWS::Serverless::Function")
QUEUES = cfn.of_type(WRITTEN, "AWS::SQS::Queue")
CRATE = cfn.ROOT / "crates" / "aws"

# Parameters that are empty where there is no warehouse are held against the shape of what they name.
LINT_LEAVES_OUT = "W1030"


def lint(path):
    cfn_lint = pathlib.Path(sys.executable).with_name("cfn-lint")
    done = subprocess.run(
        [cfn_lint, "--ignore-checks", LINT_LEAVES_OUT, "--template", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_linter_has_nothing_to_say_of_the_template_as_it_is_written():
    lint(cfn.PATH)


def test_the_linter_has_nothing_to_say_of_what_sam_makes_of_it(tmp_path):
    path = tmp_path / "plain.json"
    path.write_text(json.dumps(PLAIN), encoding="utf-8")
    lint(path)


def test_the_table_is_the_one_that_the_ledger_is_written_for():
    wanted = json.loads((CRATE / "table.json").read_text(encoding="utf-8"))
    made = WRITTEN["Resources"]["Table"]["Properties"]
    assert made["KeySchema"] == wanted["KeySchema"]
    assert made["AttributeDefinitions"] == wanted["AttributeDefinitions"]
    assert made["GlobalSecondaryIndexes"] == wanted["GlobalSecondaryIndexes"]
    view = wanted["StreamSpecification"]["StreamViewType"]
    assert made["StreamSpecification"]["StreamViewType"] == view
    assert made["TimeToLiveSpecification"] == wanted["TimeToLiveSpecification"]


def test_what_functions_are_told_is_what_their_code_asks_for():
    read = set()
    for path in (CRATE / "src").rglob("*.rs"):
        code = path.read_text(encoding="utf-8").split("#[cfg(test)]")[0]
        read.update(re.findall(r'"(COMANDA_[A-Z_]+)"', code))
    told = set(WRITTEN["Globals"]["Function"]["Environment"]["Variables"]) | {"COMANDA_FUNCTION"}
    assert told == set(APPLICATION["environment"])
    assert told <= read, f"no code reads {sorted(told - read)}"


def test_the_functions_are_those_of_the_artifact():
    code = (CRATE / "src" / "functions.rs").read_text(encoding="utf-8")
    known = set(re.findall(r'\(Self::\w+, "([a-z-]+)"\)', code))
    assert known == set(APPLICATION["functions"])
    assert {f"{cfn.stem(name)}Function" for name in known} == set(FUNCTIONS)
    for name in known:
        function = FUNCTIONS[f"{cfn.stem(name)}Function"]["Properties"]
        assert function["Environment"]["Variables"]["COMANDA_FUNCTION"] == name


def test_every_parameter_is_explained():
    text = (cfn.ROOT / "docs" / "aws.md").read_text(encoding="utf-8")
    for name in WRITTEN["Parameters"]:
        assert f"`{name}`" in text, f"docs/aws.md says nothing of {name}"


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_has_a_role_a_log_and_alarms_of_its_own(name):
    stem = name.removesuffix("Function")
    properties = FUNCTIONS[name]["Properties"]
    assert properties["Role"] == {"Fn::GetAtt": [f"{stem}Role", "Arn"]}
    assert properties["LoggingConfig"]["LogGroup"] == {"Ref": f"{stem}LogGroup"}
    assert "RetentionInDays" in WRITTEN["Resources"][f"{stem}LogGroup"]["Properties"]
    watched = {
        alarm["Properties"]["MetricName"]
        for alarm in cfn.of_type(WRITTEN, "AWS::CloudWatch::Alarm").values()
        if {"Name": "FunctionName", "Value": {"Ref": name}} in alarm["Properties"]["Dimensions"]
    }
    wanted = {"Errors"}
    # The one that is never to run twice at a time is refused by design.
    if "ReservedConcurrentExecutions" not in properties:
        wanted.add("Throttles")
    if "Stream" in properties.get("Events", {}):
        wanted.add("IteratorAge")
    assert watched == wanted


def sources(kind):
    for name, function in FUNCTIONS.items():
        for event in function["Properties"].get("Events", {}).values():
            if event["Type"] == kind:
                yield name, function["Properties"], event["Properties"]


def test_a_message_stays_hidden_six_times_as_long_as_its_function_may_take():
    mapped = list(sources("SQS"))
    assert {event["Queue"]["Fn::GetAtt"][0] for _, _, event in mapped} == {
        name for name, queue in QUEUES.items() if "RedrivePolicy" in queue["Properties"]
    }
    for name, function, event in mapped:
        queue = QUEUES[event["Queue"]["Fn::GetAtt"][0]]["Properties"]
        assert queue["VisibilityTimeout"] >= 6 * function["Timeout"], name


def test_a_mapping_reports_partial_failures_and_has_a_bound():
    for _, _, event in sources("SQS"):
        assert event["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert event["ScalingConfig"]["MaximumConcurrency"] >= 2
        assert event["BatchSize"] <= 10 or event["MaximumBatchingWindowInSeconds"] >= 1
    for _, _, event in sources("DynamoDB"):
        assert event["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert event["BisectBatchOnFunctionError"] is True
        assert 1000 <= event["MaximumRetryAttempts"] <= 10000
        assert event["MaximumRecordAgeInSeconds"] < 24 * 3600, "before the stream forgets it"
        assert event["DestinationConfig"]["OnFailure"]["Destination"] == {
            "Fn::GetAtt": ["StreamDlq", "Arn"]
        }


def test_a_queue_gives_up_after_five_tries_and_keeps_what_it_gave_up_for_two_weeks():
    for name, queue in QUEUES.items():
        properties = queue["Properties"]
        assert properties["MessageRetentionPeriod"] == 14 * 24 * 3600, name
        assert properties["SqsManagedSseEnabled"] is True, name
        if "RedrivePolicy" not in properties:
            continue
        redrive = properties["RedrivePolicy"]
        assert redrive["maxReceiveCount"] == APPLICATION["receives"] == 5
        target = QUEUES[redrive["deadLetterTargetArn"]["Fn::GetAtt"][0]]["Properties"]
        assert target.get("FifoQueue") == properties.get("FifoQueue")


def test_every_dead_letter_queue_is_watched():
    watched = {
        alarm["Properties"]["Dimensions"][0]["Value"]["Fn::GetAtt"][0]
        for alarm in cfn.of_type(WRITTEN, "AWS::CloudWatch::Alarm").values()
        if alarm["Properties"]["MetricName"] == "ApproximateNumberOfMessagesVisible"
    }
    assert watched == {name for name in QUEUES if name.endswith("Dlq")}


def test_alarms_go_to_a_topic_that_cloudwatch_may_publish_to():
    for name, alarm in cfn.of_type(WRITTEN, "AWS::CloudWatch::Alarm").items():
        assert alarm["Properties"]["AlarmActions"] == [{"Ref": "AlarmsTopic"}], name
    # By the key alias/aws/sns CloudWatch is refused, and nobody would ever hear of an alarm.
    assert "KmsMasterKeyId" not in WRITTEN["Resources"]["AlarmsTopic"]["Properties"]


def test_the_deployment_of_the_rest_api_is_named_after_what_it_is_a_copy_of():
    (made,) = cfn.of_type(WRITTEN, "AWS::ApiGateway::Deployment")
    wanted = f"ApiDeployment{cfn.api_hash(WRITTEN)}"
    assert made == wanted, f"the API has changed: call its deployment {wanted}, in both places"
    stage = WRITTEN["Resources"]["ApiStage"]["Properties"]
    assert stage["DeploymentId"] == {"Ref": wanted}
    waits_for = set(WRITTEN["Resources"][made]["DependsOn"])
    methods = set(cfn.of_type(WRITTEN, "AWS::ApiGateway::Method"))
    answers = set(cfn.of_type(WRITTEN, "AWS::ApiGateway::GatewayResponse"))
    assert waits_for == methods | answers


def test_the_model_at_the_edge_is_the_one_made_of_the_description_of_the_api():
    made = json.loads((cfn.DEPLOY / "order.model.json").read_text(encoding="utf-8"))
    assert WRITTEN["Resources"]["ApiOrderModel"]["Properties"]["Schema"] == made


def test_parameters_and_outputs_hold_no_secret():
    assert not [name for name in WRITTEN["Parameters"] if re.search(r"(?i)secret|password", name)]
    text = cfn.PATH.read_text(encoding="utf-8")
    assert not re.search(r"AKIA[0-9A-Z]{16}|ck_[0-9a-z]+_", text)
