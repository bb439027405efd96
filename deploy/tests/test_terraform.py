"""Terraform by itself: formatted, valid, and its plans as they are meant, without AWS."""

import subprocess

import template as cfn
import terraform


@terraform.needed
def test_it_is_formatted():
    done = subprocess.run(
        ["terraform", "fmt", "-check", "-recursive", "-diff", cfn.DEPLOY / "terraform"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@terraform.needed
def test_it_is_valid_and_its_plans_are_as_they_are_meant(tmp_path):
    here = terraform.Terraform(tmp_path)
    here.run("validate")
    said = here.run("test")[1]
    assert "4 passed, 0 failed" in said, said


def test_nothing_that_holds_state_is_in_the_repository():
    tracked = subprocess.run(
        ["git", "ls-files", cfn.DEPLOY], capture_output=True, text=True, check=True, cwd=cfn.ROOT
    ).stdout
    assert "tfstate" not in tracked and ".terraform" not in tracked
