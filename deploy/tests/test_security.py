"""What a security linter finds is fixed, or accepted with a reason. An acceptance that nothing needs
any more fails too."""

import json
import os
import subprocess

import template as cfn

ACCEPTED = json.loads((cfn.DEPLOY / "tests" / "accepted.json").read_text(encoding="utf-8"))


def found(*arguments):
    checkov = os.environ["CHECKOV"]
    done = subprocess.run(
        [checkov, *arguments, "--skip-download", "--compact", "--output", "json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=cfn.DEPLOY,
    )
    said = json.loads(done.stdout)
    # Tests of Terraform are no resources, and are not read as such.
    unread = [path for path in said["results"]["parsing_errors"] if "tftest" not in path]
    assert not unread
    assert said["summary"]["passed"] > 100, "it looked at next to nothing"
    return {(check["check_id"], check["resource"]) for check in said["results"]["failed_checks"]}


def accepted(kind):
    return set(ACCEPTED["both"]) | set(ACCEPTED[kind])


def test_what_is_found_in_the_template_is_accepted_with_a_reason():
    checks = found("--file", "cloudformation/template.yaml", "--framework", "cloudformation")
    assert {check for check, _ in checks} == accepted("template")
    # These reasons hold for one resource alone.
    assert {r for c, r in checks if c == "CKV_AWS_26"} == {"AWS::SNS::Topic.AlarmsTopic"}
    assert {r for c, r in checks if c == "CKV_AWS_18"} == {"AWS::S3::Bucket.Bucket"}


def test_what_is_found_in_terraform_is_accepted_with_a_reason():
    checks = found("--directory", "terraform", "--framework", "terraform")
    assert {check for check, _ in checks} == accepted("terraform")
