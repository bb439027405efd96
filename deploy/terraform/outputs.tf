output "rest_url" {
  description = "The API behind REST, where orders are held against a model first."
  value       = aws_api_gateway_stage.live.invoke_url
}

output "http_url" {
  description = "The API behind HTTP."
  value       = aws_apigatewayv2_api.http.api_endpoint
}

output "rest_api_id" {
  value = aws_api_gateway_rest_api.api.id
}

output "http_api_id" {
  value = aws_apigatewayv2_api.http.id
}

output "table" {
  value = aws_dynamodb_table.table.name
}

output "bucket" {
  value = aws_s3_bucket.bucket.bucket
}

output "queues" {
  description = "Queues by their names in deploy/application.json."
  value = merge(
    { for id, queue in aws_sqs_queue.queue : id => queue.url },
    { for id, queue in aws_sqs_queue.dead : id => queue.url },
  )
}

output "topics" {
  description = "Topics by their names in deploy/application.json."
  value       = { for id, topic in aws_sns_topic.topic : id => topic.arn }
}

output "batch_state_machine" {
  value = aws_sfn_state_machine.batch.arn
}

output "warehouse_role" {
  description = "The role that deploy/redshift/load.py takes."
  value       = one(aws_iam_role.warehouse[*].arn)
}
