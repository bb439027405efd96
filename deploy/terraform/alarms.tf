locals {
  alarms = merge(
    {
      for id, queue in aws_sqs_queue.dead : "${id}Alarm" => {
        says       = "Something was given up (see ${id}); send it again when mended."
        namespace  = "AWS/SQS"
        metric     = "ApproximateNumberOfMessagesVisible"
        dimensions = { QueueName = queue.name }
        statistic  = "Maximum"
        periods    = 1
        threshold  = 0
      }
    },
    {
      for name, function in aws_lambda_function.function : "${name}-errors" => {
        says       = "Function ${name} fails."
        namespace  = "AWS/Lambda"
        metric     = "Errors"
        dimensions = { FunctionName = function.function_name }
        statistic  = "Sum"
        periods    = 3
        threshold  = 0
      }
    },
    {
      # The one that is never to run twice at a time is refused by design.
      for name, function in aws_lambda_function.function : "${name}-throttles" => {
        says       = "Function ${name} is refused for want of concurrency."
        namespace  = "AWS/Lambda"
        metric     = "Throttles"
        dimensions = { FunctionName = function.function_name }
        statistic  = "Sum"
        periods    = 3
        threshold  = 0
      } if !can(local.functions[name].reserved)
    },
    {
      for name, function in aws_lambda_function.function : "${name}-age" => {
        says       = "Function ${name} is minutes behind its stream, which is lost after a day."
        namespace  = "AWS/Lambda"
        metric     = "IteratorAge"
        dimensions = { FunctionName = function.function_name }
        statistic  = "Maximum"
        periods    = 3
        threshold  = 300000
      } if can(local.functions[name].stream)
    },
    {
      work-age = {
        says       = "Orders wait for minutes to be worked on."
        namespace  = "AWS/SQS"
        metric     = "ApproximateAgeOfOldestMessage"
        dimensions = { QueueName = aws_sqs_queue.queue["WorkQueue"].name }
        statistic  = "Maximum"
        periods    = 3
        threshold  = 300
      }
      table-throttles = {
        says       = "DynamoDB refuses writes. Is it one product? Then spread its stock."
        namespace  = "AWS/DynamoDB"
        metric     = "WriteThrottleEvents"
        dimensions = { TableName = aws_dynamodb_table.table.name }
        statistic  = "Sum"
        periods    = 3
        threshold  = 0
      }
      batch-failed = {
        says       = "A batch failed."
        namespace  = "AWS/States"
        metric     = "ExecutionsFailed"
        dimensions = { StateMachineArn = aws_sfn_state_machine.batch.arn }
        statistic  = "Sum"
        periods    = 1
        threshold  = 0
      }
      api-faults = {
        says       = "The REST API answers 5xx."
        namespace  = "AWS/ApiGateway"
        metric     = "5XXError"
        dimensions = { ApiName = aws_api_gateway_rest_api.api.name, Stage = "live" }
        statistic  = "Sum"
        periods    = 3
        threshold  = 0
      }
    },
  )
}

resource "aws_cloudwatch_metric_alarm" "alarm" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.says
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = 60
  evaluation_periods  = each.value.periods
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.topic["AlarmsTopic"].arn]
}
