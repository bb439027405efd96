# Who may call is decided by Comanda's own keys, the same behind both doors and without AWS.
#
# REST (v1): orders are held against a model first, so what is no order costs no invocation; the edge
# refuses it, and then it is not recorded. HTTP (v2): a third of the price, no model: Comanda judges
# everything and records what is invalid.

resource "aws_api_gateway_rest_api" "api" {
  name = "${var.name}-rest"

  endpoint_configuration {
    types = ["REGIONAL"]
  }
}

resource "aws_api_gateway_model" "order" {
  rest_api_id  = aws_api_gateway_rest_api.api.id
  name         = "OrderDocument"
  content_type = "application/json"
  # Made by deploy/model.py of the API's own description.
  schema = jsonencode(jsondecode(file("${path.module}/../order.model.json")))
}

resource "aws_api_gateway_request_validator" "body" {
  rest_api_id                 = aws_api_gateway_rest_api.api.id
  name                        = "body"
  validate_request_body       = true
  validate_request_parameters = false
}

# In the three languages at once: the edge does not read Accept-Language.
resource "aws_api_gateway_gateway_response" "bad_body" {
  rest_api_id   = aws_api_gateway_rest_api.api.id
  response_type = "BAD_REQUEST_BODY"
  status_code   = "400"

  response_parameters = {
    "gatewayresponse.header.Content-Type" = "'application/problem+json'"
  }

  response_templates = {
    "application/json" = join(" ", [
      "{\"type\":\"urn:comanda:problem:invalid\",\"status\":400,\"code\":\"invalid\",",
      "\"title\":\"Documento inválido · Invalid document\",",
      "\"detail\":\"$context.error.validationErrorString\"}",
    ])
  }
}

resource "aws_api_gateway_gateway_response" "throttled" {
  rest_api_id   = aws_api_gateway_rest_api.api.id
  response_type = "THROTTLED"
  status_code   = "429"

  response_parameters = {
    "gatewayresponse.header.Content-Type" = "'application/problem+json'"
    "gatewayresponse.header.Retry-After"  = "'1'"
  }

  response_templates = {
    "application/json" = join(" ", [
      "{\"type\":\"urn:comanda:problem:too_many_requests\",\"status\":429,\"code\":\"too_many_requests\",",
      "\"title\":\"Requisições demais · Demasiadas solicitudes · Too many requests\",",
      "\"detail\":$context.error.messageString}",
    ])
  }
}

resource "aws_api_gateway_resource" "v1" {
  rest_api_id = aws_api_gateway_rest_api.api.id
  parent_id   = aws_api_gateway_rest_api.api.root_resource_id
  path_part   = "v1"
}

resource "aws_api_gateway_resource" "v1_orders" {
  rest_api_id = aws_api_gateway_rest_api.api.id
  parent_id   = aws_api_gateway_resource.v1.id
  path_part   = "orders"
}

resource "aws_api_gateway_resource" "orders" {
  rest_api_id = aws_api_gateway_rest_api.api.id
  parent_id   = aws_api_gateway_rest_api.api.root_resource_id
  path_part   = "orders"
}

resource "aws_api_gateway_resource" "proxy" {
  rest_api_id = aws_api_gateway_rest_api.api.id
  parent_id   = aws_api_gateway_rest_api.api.root_resource_id
  path_part   = "{proxy+}"
}

locals {
  methods = {
    root_any       = { resource = aws_api_gateway_rest_api.api.root_resource_id, method = "ANY", model = false }
    proxy_any      = { resource = aws_api_gateway_resource.proxy.id, method = "ANY", model = false }
    v1_orders_any  = { resource = aws_api_gateway_resource.v1_orders.id, method = "ANY", model = false }
    v1_orders_post = { resource = aws_api_gateway_resource.v1_orders.id, method = "POST", model = true }
    orders_any     = { resource = aws_api_gateway_resource.orders.id, method = "ANY", model = false }
    orders_post    = { resource = aws_api_gateway_resource.orders.id, method = "POST", model = true }
  }
}

resource "aws_api_gateway_method" "method" {
  for_each = local.methods

  rest_api_id          = aws_api_gateway_rest_api.api.id
  resource_id          = each.value.resource
  http_method          = each.value.method
  authorization        = "NONE"
  request_validator_id = each.value.model ? aws_api_gateway_request_validator.body.id : null
  request_models       = each.value.model ? { "application/json" = aws_api_gateway_model.order.name } : null
}

resource "aws_api_gateway_integration" "method" {
  for_each = local.methods

  rest_api_id             = aws_api_gateway_rest_api.api.id
  resource_id             = each.value.resource
  http_method             = aws_api_gateway_method.method[each.key].http_method
  type                    = "AWS_PROXY"
  integration_http_method = "POST"
  uri                     = aws_lambda_function.function["api"].invoke_arn
}

# A deployment is a copy of what is above: a new one when any of that changes.
resource "aws_api_gateway_deployment" "api" {
  rest_api_id = aws_api_gateway_rest_api.api.id
  depends_on = [
    aws_api_gateway_integration.method,
    aws_api_gateway_gateway_response.bad_body,
    aws_api_gateway_gateway_response.throttled,
  ]

  triggers = {
    contents = sha256(join("", [
      filesha256("${path.module}/api.tf"),
      filesha256("${path.module}/../order.model.json"),
    ]))
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_stage" "live" {
  rest_api_id          = aws_api_gateway_rest_api.api.id
  deployment_id        = aws_api_gateway_deployment.api.id
  stage_name           = "live"
  xray_tracing_enabled = true
  depends_on           = [aws_api_gateway_account.account]

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.api.arn
    # Routes, never paths: a path may name somebody.
    format = jsonencode({
      id     = "$context.requestId"
      method = "$context.httpMethod"
      route  = "$context.resourcePath"
      status = "$context.status"
      ms     = "$context.responseLatency"
      error  = "$context.error.responseType"
    })
  }
}

resource "aws_api_gateway_method_settings" "live" {
  rest_api_id = aws_api_gateway_rest_api.api.id
  stage_name  = aws_api_gateway_stage.live.stage_name
  method_path = "*/*"

  settings {
    metrics_enabled        = true
    throttling_rate_limit  = var.requests_per_second
    throttling_burst_limit = var.request_burst
  }
}

# It counts for the whole account and region.
resource "aws_api_gateway_account" "account" {
  count = var.make_api_account_role ? 1 : 0

  cloudwatch_role_arn = aws_iam_role.api_logs[0].arn
}

resource "aws_iam_role" "api_logs" {
  count = var.make_api_account_role ? 1 : 0

  name = "${var.name}-api-logs"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "apigateway.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy_attachment" "api_logs" {
  count = var.make_api_account_role ? 1 : 0

  role       = aws_iam_role.api_logs[0].name
  policy_arn = "${local.arn}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
}

resource "aws_lambda_permission" "rest" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.function["api"].function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.api.execution_arn}/*"
}

resource "aws_apigatewayv2_api" "http" {
  name          = "${var.name}-http"
  protocol_type = "HTTP"
}

resource "aws_apigatewayv2_integration" "http" {
  api_id                 = aws_apigatewayv2_api.http.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_function.function["api"].arn
  payload_format_version = "2.0"
  timeout_milliseconds   = 29000
}

resource "aws_apigatewayv2_route" "http" {
  api_id    = aws_apigatewayv2_api.http.id
  route_key = "$default"
  target    = "integrations/${aws_apigatewayv2_integration.http.id}"
}

resource "aws_apigatewayv2_stage" "http" {
  api_id      = aws_apigatewayv2_api.http.id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    detailed_metrics_enabled = true
    throttling_rate_limit    = var.requests_per_second
    throttling_burst_limit   = var.request_burst
  }

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.api.arn
    format = jsonencode({
      id     = "$context.requestId"
      method = "$context.httpMethod"
      route  = "$context.routeKey"
      status = "$context.status"
      ms     = "$context.responseLatency"
    })
  }
}

resource "aws_lambda_permission" "http" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.function["api"].function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.http.execution_arn}/*"
}

resource "aws_cloudwatch_log_group" "api" {
  name              = "/aws/apigateway/${var.name}"
  retention_in_days = var.log_days
}
