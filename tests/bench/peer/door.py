"""The same deliveries, the way they are usually taken in: verified, made idempotent by Powertools, and queued."""

import base64
import hashlib
import hmac
import json
import os
import time

import boto3
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)

# The table's own names for key and status are those of the sandbox's table of records.
PERSISTENCE = DynamoDBPersistenceLayer(table_name=os.environ["LEADGATE_RECORDS_TABLE"], key_attr="record")
CONFIG = IdempotencyConfig(use_local_cache=False)
SQS = boto3.client("sqs")
QUEUE = os.environ["LEADGATE_QUEUE_URL"]
SECRET = os.environ["LEADGATE_SIGNING_SECRET"].encode()
URL = os.environ["LEADGATE_PUBLIC_URL"]
MAX_AGE_MS = 5 * 60 * 1000


@idempotent_function(data_keyword_argument="body", persistence_store=PERSISTENCE, config=CONFIG)
def accept(body: str) -> dict:
    events = json.loads(body)
    messages = [
        {"Id": str(i), "MessageBody": json.dumps({"record": event["objectId"], "at": event["occurredAt"]})}
        for i, event in enumerate(events)
        if event["subscriptionType"] == "contact.creation"
    ]
    for first in range(0, len(messages), 10):
        SQS.send_message_batch(QueueUrl=QUEUE, Entries=messages[first : first + 10])
    return {"queued": len(messages)}


def handler(event, context):
    headers, body = event["headers"], event["body"]
    sent_at = headers["x-hubspot-request-timestamp"]
    if abs(time.time() * 1000 - int(sent_at)) > MAX_AGE_MS:
        return {"statusCode": 401, "body": ""}
    signed = hmac.new(SECRET, f"POST{URL}{body}{sent_at}".encode(), hashlib.sha256).digest()
    if not hmac.compare_digest(base64.b64encode(signed).decode(), headers["x-hubspot-signature-v3"]):
        return {"statusCode": 401, "body": ""}
    CONFIG.register_lambda_context(context)
    return {"statusCode": 200, "body": json.dumps(accept(body=body))}
