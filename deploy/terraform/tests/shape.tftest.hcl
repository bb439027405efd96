# What a plan comes to, without AWS. The artifact is any file: it is not looked into.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_availability_zones" {
    defaults = { names = ["us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d"] }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

variables {
  artifact = "main.tf"
}

run "the_application_alone" {
  command = plan

  assert {
    condition     = length(aws_lambda_function.function) == length(local.application.functions)
    error_message = "A function of the list is missing."
  }
  assert {
    condition     = aws_s3_bucket.bucket.bucket == "comanda-123456789012-us-east-1"
    error_message = "The bucket is named after account and region."
  }
  assert {
    condition     = length(aws_vpc.network) == 0 && length(aws_redshiftserverless_workgroup.warehouse) == 0
    error_message = "Nobody asked for a network or a warehouse."
  }
  assert {
    condition     = length(aws_sns_topic_subscription.email) == 0
    error_message = "Nobody is to be told."
  }
  assert {
    condition = alltrue([
      for name, mapping in aws_lambda_event_source_mapping.queue :
      aws_sqs_queue.queue[local.functions[name].queue.name].visibility_timeout_seconds
      >= 6 * aws_lambda_function.function[name].timeout
    ])
    error_message = "A message has to stay hidden six times as long as its function may take."
  }
  assert {
    condition     = aws_lambda_function.function["lake"].reserved_concurrent_executions == 1
    error_message = "Two writers of one lake get in each other's way."
  }
  assert {
    condition     = aws_dynamodb_table.table.deletion_protection_enabled && !aws_s3_bucket.bucket.force_destroy
    error_message = "Orders are protected unless somebody says otherwise."
  }
}

run "a_network_and_a_warehouse" {
  command = plan

  variables {
    private_network = true
    with_warehouse  = true
    alert_email     = "orders@example.com"
  }

  assert {
    condition     = length(aws_subnet.private) == 3 && length(distinct(aws_subnet.private[*].availability_zone)) == 3
    error_message = "Three zones, a subnet each."
  }
  assert {
    condition     = alltrue([for subnet in aws_subnet.private : !subnet.map_public_ip_on_launch])
    error_message = "Nothing gets a public address."
  }
  assert {
    condition     = alltrue([for function in aws_lambda_function.function : length(function.vpc_config) == 1])
    error_message = "Every function runs in the network."
  }
  assert {
    condition = (
      !aws_redshiftserverless_workgroup.warehouse[0].publicly_accessible
      && aws_redshiftserverless_workgroup.warehouse[0].enhanced_vpc_routing
      && aws_redshiftserverless_namespace.warehouse[0].manage_admin_password
    )
    error_message = "A warehouse within the network, whose password nobody writes down."
  }
  assert {
    condition     = length(aws_sns_topic_subscription.email) == 3
    error_message = "Invalid orders, pending stock and alarms are told."
  }
}

run "a_warehouse_without_functions_in_the_network" {
  command = plan

  variables {
    with_warehouse = true
  }

  assert {
    condition     = length(aws_vpc.network) == 1 && length(aws_vpc_endpoint.interface) == 0
    error_message = "Endpoints cost by the hour: only where functions need them."
  }
  assert {
    condition     = alltrue([for function in aws_lambda_function.function : length(function.vpc_config) == 0])
    error_message = "Functions stay where they were."
  }
}

run "names_that_no_bucket_may_have_are_refused" {
  command = plan

  variables {
    name = "Comanda Ltda"
  }

  expect_failures = [var.name]
}
