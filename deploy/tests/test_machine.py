"""The state machine: valid by its published schema, and its role against what it says. Emulators do
not enforce that role, so it is read here."""

import json
import os
import pathlib
import re
import subprocess

import permissions
import template as cfn

PATH = cfn.DEPLOY / "statemachine" / "batch.asl.json"
MACHINE = json.loads(PATH.read_text(encoding="utf-8"))
WRITTEN = cfn.load()
VALIDATOR = pathlib.Path(os.environ["ASL_VALIDATOR"])


def states(machine):
    """Every state of a machine, those within maps included."""
    for name, state in machine["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from states(state["ItemProcessor"])


def pairs():
    made = set()
    role = WRITTEN["Resources"]["BatchStateMachineRole"]["Properties"]
    for policy in role["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            for action in permissions.many(statement["Action"]):
                for named in permissions.many(statement["Resource"]):
                    made.add((action, json.dumps(named)))
    return made


def test_the_machine_is_valid():
    done = subprocess.run(
        [VALIDATOR, "--json-path", PATH], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_name_that_is_filled_in_is_given_and_every_name_given_is_filled_in():
    wanted = set(re.findall(r"\$\{(\w+)\}", PATH.read_text(encoding="utf-8")))
    given = WRITTEN["Resources"]["BatchStateMachine"]["Properties"]["DefinitionSubstitutions"]
    assert wanted == set(given)


def test_its_role_may_invoke_the_functions_it_names_and_no_others():
    substituted = WRITTEN["Resources"]["BatchStateMachine"]["Properties"]["DefinitionSubstitutions"]
    named = {
        json.dumps(substituted[state["Parameters"]["FunctionName"].strip("${}")])
        for _, state in states(MACHINE)
        if state["Type"] == "Task"
    }
    allowed = {resource for action, resource in pairs() if action == "lambda:InvokeFunction"}
    assert allowed == named
    assert len(named) == len(cfn.application()["state_machine"]["invokes"]) == 3


def test_its_role_may_do_what_a_distributed_map_does():
    # As the manual lists it: the map runs executions of this machine, reads items, writes results.
    (map_,) = [state for _, state in states(MACHINE) if state["Type"] == "Map"]
    assert map_["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED"
    assert "ItemReader" in map_ and "ResultWriter" in map_ and "ItemBatcher" in map_
    actions = {action for action, _ in pairs()}
    assert actions >= {
        "states:StartExecution",
        "states:DescribeExecution",
        "states:StopExecution",
        "s3:GetObject",
        "s3:PutObject",
        "s3:ListMultipartUploadParts",
        "s3:AbortMultipartUpload",
    }
    for action, resource in pairs():
        if action.startswith("s3:"):
            assert resource.endswith('${Bucket}/batches/*"}'), resource
        if action.startswith("states:"):
            assert "${AWS::StackName}-batch" in resource
            # The name that the policy spells out is the machine's.
    name = WRITTEN["Resources"]["BatchStateMachine"]["Properties"]["Name"]
    assert name == {"Fn::Sub": "${AWS::StackName}-batch"}


def test_a_task_has_an_end_and_is_tried_again_without_a_stampede():
    for name, state in states(MACHINE):
        if state["Type"] != "Task":
            continue
        assert state["TimeoutSeconds"] > 0, name
        for retry in state["Retry"]:
            assert retry["BackoffRate"] > 1 and retry["JitterStrategy"] == "FULL", name
            assert retry["MaxAttempts"] <= 10, name


def test_only_what_may_work_the_next_time_is_tried_again():
    code = (cfn.ROOT / "crates" / "aws" / "src" / "functions" / "batches.rs").read_text("utf-8")
    named = set(re.findall(r'Self::\w+\(_\) => "(\w+)"', code))
    assert named >= {"Unavailable", "InvalidBatch"}, named
    for name, state in states(MACHINE):
        for retry in state.get("Retry", []):
            assert set(retry["ErrorEquals"]) & named == {"Unavailable"}, name


def test_a_batch_that_fails_has_a_summary_too():
    map_ = MACHINE["States"]["ProcessOrders"]
    assert [catch["Next"] for catch in map_["Catch"]] == ["GenerateBatchSummary"]
    assert map_["ToleratedFailurePercentage"] < 100
