# What is told of orders is encrypted. Alarms are not: CloudWatch may not use the key that SNS has by
# default, and an alarm names no order.

resource "aws_sns_topic" "topic" {
  for_each = local.application.topics

  name              = "${var.name}-${each.value}"
  kms_master_key_id = each.key == "AlarmsTopic" ? null : "alias/aws/sns"
}

resource "aws_sns_topic_subscription" "email" {
  for_each = var.alert_email == "" ? toset([]) : toset(["PendingTopic", "ErrorsTopic", "AlarmsTopic"])

  topic_arn = aws_sns_topic.topic[each.value].arn
  protocol  = "email"
  endpoint  = var.alert_email
}
