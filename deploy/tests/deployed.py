"""What is deployed, as the services themselves say it: functions, mappings, queues, tables, topics,
permissions, alarms, APIs. What differs by nature (ids, times, names of generated roles) is left out.
"""

import json
import re

import world


def description(here, stack):
    """Everything of an application whose names begin with `stack`."""
    return {
        "functions": functions(here, stack),
        "permissions": permissions(here, stack),
        "mappings": mappings(here, stack),
        "queues": queues(here, stack),
        "tables": tables(here, stack),
        "topics": topics(here, stack),
        "bucket": bucket(here, stack),
        "alarms": alarms(here),
        "rest": rest(here, stack),
        "http": http(here, stack),
        "machine": machine(here, stack),
        "logs": logs(here, stack),
        "schedule": schedule(here),
    }


def functions(here, stack):
    found = {}
    for function in here.client("lambda").get_paginator("list_functions").paginate():
        for f in function["Functions"]:
            if f["FunctionName"].startswith(f"{stack}-"):
                environment = dict(f["Environment"]["Variables"])
                for name, value in environment.items():
                    # The emulator's address is part of a queue's.
                    environment[name] = re.sub(r"^https?://[^/]+", "", value)
                found[f["FunctionName"]] = {
                    "runtime": f["Runtime"],
                    "handler": f["Handler"],
                    "architectures": f["Architectures"],
                    "timeout": f["Timeout"],
                    "memory": f["MemorySize"],
                    "tracing": f["TracingConfig"]["Mode"],
                    "log": f["LoggingConfig"]["LogGroup"],
                    "environment": environment,
                    "reserved": here.client("lambda")
                    .get_function_concurrency(FunctionName=f["FunctionName"])
                    .get("ReservedConcurrentExecutions"),
                }
    return found


def permissions(here, stack):
    """For each function, the pairs of action and resource of all policies of its role."""
    iam = here.client("iam")
    found = {}
    for page in here.client("lambda").get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            role = function["Role"].rsplit("/", 1)[1]
            documents = [
                iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
                for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
                if name != world.EMULATOR
            ]
            for policy in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
                arn = policy["PolicyArn"]
                version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
                documents.append(
                    iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"][
                        "Document"
                    ]
                )
            found[function["FunctionName"]] = sorted(
                pair for document in documents for pair in pairs(document)
            )
    return found


def pairs(document):
    if isinstance(document, str):
        document = json.loads(document)
    statements = document["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        assert statement["Effect"] == "Allow"
        for action in many(statement["Action"]):
            for resource in many(statement["Resource"]):
                # A stream's name ends with when it was made.
                resource = re.sub(r"/stream/.*$", "/stream/*", resource)
                # Whether streams of logs are named is left to the reader: all of a group is meant.
                yield action, re.sub(r"(:log-group:[^:]+)(:\*)?$", r"\1", resource)


def many(value):
    return value if isinstance(value, list) else [value]


def mappings(here, stack):
    found = {}
    for mapping in here.client("lambda").list_event_source_mappings()["EventSourceMappings"]:
        function = mapping["FunctionArn"].rsplit(":", 1)[1]
        found[function] = {
            "from": re.sub(r"/stream/.*$", "/stream/*", mapping["EventSourceArn"]),
            "batch": mapping["BatchSize"],
            "window": mapping.get("MaximumBatchingWindowInSeconds") or 0,
            "answers": mapping.get("FunctionResponseTypes"),
            "most": mapping.get("ScalingConfig", {}).get("MaximumConcurrency"),
            "bisect": mapping.get("BisectBatchOnFunctionError"),
            "retries": mapping.get("MaximumRetryAttempts"),
            "age": mapping.get("MaximumRecordAgeInSeconds"),
            "parallel": mapping.get("ParallelizationFactor"),
            # A queue has none, whatever is said of it.
            "from_position": mapping["StartingPosition"]
            if "/stream/" in mapping["EventSourceArn"]
            else None,
            "on_failure": mapping.get("DestinationConfig", {}).get("OnFailure"),
        }
    return found


def queues(here, stack):
    sqs = here.client("sqs")
    found = {}
    for url in sqs.list_queues(QueueNamePrefix=stack).get("QueueUrls", []):
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        found[url.rsplit("/", 1)[1]] = {
            name: json.loads(value) if name in ("RedrivePolicy", "Policy") else value
            for name, value in attributes.items()
            # What is off is off, whether it is said or not.
            if not re.search("Timestamp|Approximate", name) and value != "false"
        }
    return found


def tables(here, stack):
    dynamo = here.client("dynamodb")
    found = {}
    for name in dynamo.list_tables()["TableNames"]:
        table = dynamo.describe_table(TableName=name)["Table"]
        backups = dynamo.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        indexes = table.get("GlobalSecondaryIndexes", [])
        ttl = dynamo.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        found[name] = {
            "keys": table["KeySchema"],
            "attributes": sorted(
                (a["AttributeName"], a["AttributeType"]) for a in table["AttributeDefinitions"]
            ),
            "indexes": {
                i["IndexName"]: (i["KeySchema"], i["Projection"]["ProjectionType"],
                                 i["Projection"].get("NonKeyAttributes"))
                for i in indexes
            },
            "stream": table["StreamSpecification"],
            "billing": table["BillingModeSummary"]["BillingMode"],
            "protected": str(table.get("DeletionProtectionEnabled")).lower(),
            "expires": ttl.get("AttributeName"),
            "backups": backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"],
        }
    return found


def topics(here, stack):
    sns = here.client("sns")
    found = {}
    for topic in sns.list_topics()["Topics"]:
        attributes = sns.get_topic_attributes(TopicArn=topic["TopicArn"])["Attributes"]
        found[topic["TopicArn"].rsplit(":", 1)[1]] = attributes.get("KmsMasterKeyId")
    return found


def bucket(here, stack):
    s3 = here.client("s3")
    name = f"{stack}-{world.ACCOUNT}-{world.REGION}"
    queue = s3.get_bucket_notification_configuration(Bucket=name)["QueueConfigurations"]
    return {
        "policy": json.loads(s3.get_bucket_policy(Bucket=name)["Policy"]),
        "closed": s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"],
        "versions": s3.get_bucket_versioning(Bucket=name)["Status"],
        "encrypted": [
            rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"]
            for rule in s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"][
                "Rules"
            ]
        ],
        "tells": [
            (q["QueueArn"], q["Events"], q["Filter"]["Key"]["FilterRules"][0]["Value"]) for q in queue
        ],
    }


def alarms(here):
    """By what they watch: names are nobody's concern."""
    found = {}
    for alarm in here.client("cloudwatch").describe_alarms()["MetricAlarms"]:
        watches = sorted((d["Name"], d["Value"]) for d in alarm["Dimensions"])
        found[str((alarm["Namespace"], alarm["MetricName"], watches))] = {
            key: alarm.get(key)
            for key in (
                "Statistic",
                "Period",
                "EvaluationPeriods",
                "ComparisonOperator",
                "Threshold",
                "TreatMissingData",
                "AlarmActions",
                "AlarmDescription",
            )
        }
    return found


def rest(here, stack):
    gateway = here.client("apigateway")
    (api,) = [a for a in gateway.get_rest_apis()["items"] if a["name"] == f"{stack}-rest"]
    methods = {}
    for resource in gateway.get_resources(restApiId=api["id"], limit=500)["items"]:
        for verb in resource.get("resourceMethods", {}):
            method = gateway.get_method(
                restApiId=api["id"], resourceId=resource["id"], httpMethod=verb
            )
            integration = method["methodIntegration"]
            methods[f"{verb} {resource['path']}"] = (
                method["authorizationType"],
                method.get("requestModels") or None,
                integration["type"],
                integration["uri"],
            )
    model = gateway.get_model(restApiId=api["id"], modelName="OrderDocument", flatten=True)
    stage = gateway.get_stage(restApiId=api["id"], stageName="live")
    return {
        "methods": methods,
        "model": json.loads(model["schema"]),
        "traced": stage.get("tracingEnabled"),
    }


def http(here, stack):
    gateway = here.client("apigatewayv2")
    (api,) = [a for a in gateway.get_apis()["Items"] if a["Name"] == f"{stack}-http"]
    (integration,) = gateway.get_integrations(ApiId=api["ApiId"])["Items"]
    stages = gateway.get_stages(ApiId=api["ApiId"])["Items"]
    return {
        "routes": [route["RouteKey"] for route in gateway.get_routes(ApiId=api["ApiId"])["Items"]],
        "integration": (
            integration["IntegrationType"],
            integration["IntegrationUri"].rsplit("function:", 1)[-1].removesuffix("/invocations"),
            integration["PayloadFormatVersion"],
        ),
        "stages": [
            (
                stage["StageName"],
                stage["AutoDeploy"],
                stage["DefaultRouteSettings"].get("ThrottlingRateLimit"),
                stage["DefaultRouteSettings"].get("ThrottlingBurstLimit"),
            )
            for stage in stages
        ],
    }


def machine(here, stack):
    states = here.client("stepfunctions")
    arn = f"arn:aws:states:{world.REGION}:{world.ACCOUNT}:stateMachine:{stack}-batch"
    made = states.describe_state_machine(stateMachineArn=arn)
    role = made["roleArn"].rsplit("/", 1)[1]
    iam = here.client("iam")
    allowed = set()
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        allowed.update(pairs(iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]))
    for policy in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        arn = policy["PolicyArn"]
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        found = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]
        allowed.update(pairs(found["Document"]))
    return {
        "type": made["type"],
        "definition": json.loads(made["definition"]),
        "allowed": sorted(allowed),
    }


def logs(here, stack):
    found = here.client("logs").describe_log_groups()["logGroups"]
    return {
        group["logGroupName"]: group.get("retentionInDays")
        for group in found
        if f"/{stack}" in group["logGroupName"]
    }


def schedule(here):
    rules = here.client("events").list_rules()["Rules"]
    return sorted((rule["ScheduleExpression"], rule["State"]) for rule in rules)
