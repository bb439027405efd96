resource "aws_sfn_state_machine" "batch" {
  name     = "${var.name}-batch"
  type     = local.application.state_machine.type
  role_arn = aws_iam_role.batch.arn

  definition = templatefile("${path.module}/../statemachine/batch.asl.json", {
    ValidateArn = aws_lambda_function.function["batch-validate"].arn
    ItemsArn    = aws_lambda_function.function["batch-items"].arn
    SummaryArn  = aws_lambda_function.function["batch-summary"].arn
    Bucket      = aws_s3_bucket.bucket.bucket
  })

  tracing_configuration {
    enabled = true
  }

  logging_configuration {
    level = "ERROR"
    # A batch's input holds orders, and logs hold no personal data.
    include_execution_data = false
    log_destination        = "${aws_cloudwatch_log_group.batch.arn}:*"
  }
}

resource "aws_cloudwatch_log_group" "batch" {
  name              = "/aws/vendedlogs/states/${var.name}-batch"
  retention_in_days = var.log_days
}

resource "aws_iam_role" "batch" {
  name = "${var.name}-batch"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "states.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "batch" {
  name   = "batch"
  role   = aws_iam_role.batch.id
  policy = data.aws_iam_policy_document.batch.json
}

data "aws_iam_policy_document" "batch" {
  # The three steps.
  statement {
    actions   = ["lambda:InvokeFunction"]
    resources = [for name in local.application.state_machine.invokes : aws_lambda_function.function[name].arn]
  }

  # The distributed map is executions of this very machine, each of them to be asked after, stopped
  # and started again.
  statement {
    actions   = ["states:StartExecution"]
    resources = ["${local.arn}:states:${var.region}:${local.account}:stateMachine:${var.name}-batch"]
  }

  statement {
    actions   = ["states:DescribeExecution", "states:RedriveExecution", "states:StopExecution"]
    resources = ["${local.arn}:states:${var.region}:${local.account}:execution:${var.name}-batch/*"]
  }

  # Items are read from the bucket, results are written there.
  statement {
    actions = [
      "s3:AbortMultipartUpload",
      "s3:GetObject",
      "s3:ListMultipartUploadParts",
      "s3:PutObject",
    ]
    resources = ["${aws_s3_bucket.bucket.arn}/batches/*"]
  }

  # Delivery of logs and traces knows no resources.
  statement {
    actions = [
      "logs:CreateLogDelivery",
      "logs:DeleteLogDelivery",
      "logs:DescribeLogGroups",
      "logs:DescribeResourcePolicies",
      "logs:GetLogDelivery",
      "logs:ListLogDeliveries",
      "logs:PutResourcePolicy",
      "logs:UpdateLogDelivery",
      "xray:GetSamplingRules",
      "xray:GetSamplingTargets",
      "xray:PutTelemetryRecords",
      "xray:PutTraceSegments",
    ]
    resources = ["*"]
  }
}
