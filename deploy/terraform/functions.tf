# One artifact, several functions of it, each with a role of its own.

locals {
  # A statement's resource: a name of the lists, and what follows it.
  statements = {
    for name, function in local.functions : name => [
      for statement in concat(
        function.statements,
        flatten([for policy in function.policies : local.application.policies[policy]]),
        ) : {
        actions = statement.actions
        resources = [
          for resource in statement.resources :
          join("/", concat([local.resources[split("/", resource)[0]]], slice(split("/", resource), 1, length(split("/", resource)))))
        ]
      }
    ]
  }
}

data "aws_iam_policy_document" "lambda_may_take_it" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "function" {
  for_each = local.functions

  # Its own log.
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.function[each.key].arn}:*"]
  }

  dynamic "statement" {
    for_each = local.statements[each.key]
    content {
      actions   = statement.value.actions
      resources = statement.value.resources
    }
  }

  # What a function in a network needs to have an address there.
  dynamic "statement" {
    for_each = var.private_network ? [1] : []
    content {
      actions = [
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
      ]
      resources = ["*"]
    }
  }
}

resource "aws_iam_role" "function" {
  for_each = local.functions

  name               = "${var.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.lambda_may_take_it.json
}

resource "aws_iam_role_policy" "function" {
  for_each = local.functions

  name   = each.key
  role   = aws_iam_role.function[each.key].id
  policy = data.aws_iam_policy_document.function[each.key].json
}

resource "aws_cloudwatch_log_group" "function" {
  for_each = local.functions

  name              = "/aws/lambda/${var.name}-${each.key}"
  retention_in_days = var.log_days
}

resource "aws_lambda_function" "function" {
  for_each   = local.functions
  depends_on = [aws_iam_role_policy.function]

  function_name                  = "${var.name}-${each.key}"
  role                           = aws_iam_role.function[each.key].arn
  runtime                        = local.application.runtime
  handler                        = local.application.handler
  filename                       = var.artifact
  source_code_hash               = filebase64sha256(var.artifact)
  architectures                  = [var.architecture]
  timeout                        = each.value.timeout
  memory_size                    = each.value.memory
  reserved_concurrent_executions = try(each.value.reserved, -1)

  environment {
    variables = merge(local.environment, { COMANDA_FUNCTION = each.key })
  }

  tracing_config {
    mode = "Active"
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.function[each.key].name
  }

  dynamic "vpc_config" {
    for_each = var.private_network ? [1] : []
    content {
      subnet_ids         = aws_subnet.private[*].id
      security_group_ids = [aws_security_group.functions[0].id]
    }
  }
}

resource "aws_lambda_event_source_mapping" "queue" {
  for_each = { for name, function in local.functions : name => function.queue if can(function.queue) }

  event_source_arn                   = aws_sqs_queue.queue[each.value.name].arn
  function_name                      = aws_lambda_function.function[each.key].arn
  batch_size                         = each.value.batch
  maximum_batching_window_in_seconds = each.value.window
  function_response_types            = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = each.value.concurrency
  }
}

resource "aws_lambda_event_source_mapping" "stream" {
  for_each = { for name, function in local.functions : name => function.stream if can(function.stream) }

  event_source_arn = {
    Table       = aws_dynamodb_table.table.stream_arn
    OrdersInbox = aws_dynamodb_table.orders_inbox.stream_arn
  }[each.value.name]
  function_name                      = aws_lambda_function.function[each.key].arn
  starting_position                  = "TRIM_HORIZON"
  batch_size                         = each.value.batch
  maximum_batching_window_in_seconds = each.value.window
  parallelization_factor             = each.value.parallel
  function_response_types            = ["ReportBatchItemFailures"]
  bisect_batch_on_function_error     = true
  # Longer than whatever it calls may be away; then it is kept apart, not lost.
  maximum_retry_attempts        = each.value.retries
  maximum_record_age_in_seconds = 72000

  destination_config {
    on_failure {
      destination_arn = aws_sqs_queue.dead["StreamDlq"].arn
    }
  }
}

resource "aws_cloudwatch_event_rule" "schedule" {
  for_each = { for name, function in local.functions : name => function.schedule if can(function.schedule) }

  name                = "${var.name}-${each.key}"
  schedule_expression = each.value
}

resource "aws_cloudwatch_event_target" "schedule" {
  for_each = aws_cloudwatch_event_rule.schedule

  rule = each.value.name
  arn  = aws_lambda_function.function[each.key].arn
}

resource "aws_lambda_permission" "schedule" {
  for_each = aws_cloudwatch_event_rule.schedule

  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.function[each.key].function_name
  principal     = "events.amazonaws.com"
  source_arn    = each.value.arn
}

# The next minute comes anyway: a run that failed or found another at it is not repeated.
resource "aws_lambda_function_event_invoke_config" "schedule" {
  for_each = aws_cloudwatch_event_rule.schedule

  function_name                = aws_lambda_function.function[each.key].function_name
  maximum_event_age_in_seconds = 60
  maximum_retry_attempts       = 0
}
