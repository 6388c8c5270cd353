//! What each function may do.

use std::collections::BTreeSet;
use std::iter;

use leadgate_sandbox::template::Template;
use serde_json::json;

use crate::{Complaints, holds, notices, root, source};

const SECRETS: &str = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${SecretPrefix}/*/";
const RECORDS: &[&str] = &["dynamodb:BatchGetItem", "dynamodb:PutItem"];
const CREDITS: &[&str] =
    &["dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"];
const LIMITS: &[&str] = &["dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"];
const RECEIVE: &[&str] = &[
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
    "sqs:SendMessage",
];
const LOGS: &[&str] = &["logs:CreateLogStream", "logs:PutLogEvents"];

/// What needs which permission, as it stands in the source. A transaction needs those of the writes it is made of.
const CALLS: &[(&str, &str)] = &[
    (".batch_get_item()", "dynamodb:BatchGetItem"),
    (".batch_write_item()", "dynamodb:BatchWriteItem"),
    (" ConditionCheck::builder()", "dynamodb:ConditionCheckItem"),
    (".delete_item()", "dynamodb:DeleteItem"),
    (" Delete::builder()", "dynamodb:DeleteItem"),
    (".get_item()", "dynamodb:GetItem"),
    (" Get::builder()", "dynamodb:GetItem"),
    (".put_item()", "dynamodb:PutItem"),
    (" Put::builder()", "dynamodb:PutItem"),
    (".query()", "dynamodb:Query"),
    (".scan()", "dynamodb:Scan"),
    (".update_item()", "dynamodb:UpdateItem"),
    (" Update::builder()", "dynamodb:UpdateItem"),
    ("\"GetObject\"", "s3:GetObject"),
    ("\"GetObject\"", "s3:GetObjectVersion"),
    ("\"GetObject\"", "s3:ListBucket"),
    ("\"PutObject\"", "s3:PutObject"),
    ("\"GetSecretValue\"", "secretsmanager:GetSecretValue"),
    ("\"PutEvents\"", "events:PutEvents"),
    (".change_message_visibility()", "sqs:ChangeMessageVisibility"),
    (".change_message_visibility_batch()", "sqs:ChangeMessageVisibility"),
    (".send_message()", "sqs:SendMessage"),
    (".send_message_batch()", "sqs:SendMessage"),
];
/// What Lambda itself does in a function's name: it polls the queue, and writes the log.
const LAMBDA: &[&str] =
    &["logs:CreateLogStream", "logs:PutLogEvents", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"];

/// What only the operator's tool does, with the operator's own credentials.
const OPERATORS: [&str; 1] = ["dynamodb:Scan"];

/// What may be done to one resource: `secrets:` stands for [`SECRETS`].
type Grant = (&'static str, &'static [&'static str]);

/// All that the function in each folder may do.
const ALLOWED: &[(&str, &[Grant])] = &[
    (
        "crm-webhook",
        &[
            ("RecordsTable.Arn", RECORDS),
            ("EnrichmentQueue.Arn", &["sqs:SendMessage"]),
            ("EnrichmentBulkQueue.Arn", &["sqs:SendMessage"]),
            ("secrets:crm-signing-??????", &["secretsmanager:GetSecretValue"]),
            ("secrets:crm-signing-next-??????", &["secretsmanager:GetSecretValue"]),
            ("FingerprintSecret", &["secretsmanager:GetSecretValue"]),
            ("CrmWebhookLogs.Arn", LOGS),
        ],
    ),
    (
        "crm-events",
        &[
            ("RecordsTable.Arn", RECORDS),
            ("ChangeEventQueue.Arn", &["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]),
            ("EnrichmentQueue.Arn", &["sqs:SendMessage"]),
            ("EnrichmentBulkQueue.Arn", &["sqs:SendMessage"]),
            ("FingerprintSecret", &["secretsmanager:GetSecretValue"]),
            ("CrmEventsLogs.Arn", LOGS),
        ],
    ),
    (
        "tam-build",
        &[
            ("ListQueue.Arn", RECEIVE),
            ("ListDeadLetterQueue.Arn", &["sqs:SendMessage"]),
            ("EnrichmentBulkQueue.Arn", &["sqs:SendMessage"]),
            ("RecordsTable.Arn", &["dynamodb:BatchGetItem"]),
            ("CreditsTable.Arn", CREDITS),
            ("ListsTable.Arn", RECORDS),
            ("LimitsTable.Arn", LIMITS),
            ("secrets:provider-key-??????", &["secretsmanager:GetSecretValue"]),
            ("TamBuildLogs.Arn", LOGS),
        ],
    ),
    (
        "feed-import",
        &[
            ("FeedQueue.Arn", RECEIVE),
            ("FeedDeadLetterQueue.Arn", &["sqs:SendMessage"]),
            (
                "FeedTable.Arn",
                &["dynamodb:BatchGetItem", "dynamodb:BatchWriteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
            ),
            ("${FeedBucket.Arn}/drops/*", &["s3:GetObject", "s3:GetObjectVersion"]),
            ("FeedBucket.Arn", &["s3:ListBucket"]),
            ("${FeedBucket.Arn}/rejects/*", &["s3:PutObject"]),
            ("FeedImportLogs.Arn", LOGS),
        ],
    ),
    (
        "provider-webhook",
        &[
            ("RecordsTable.Arn", &["dynamodb:BatchGetItem"]),
            ("CreditsTable.Arn", &["dynamodb:BatchGetItem"]),
            ("EnrichmentQueue.Arn", &["sqs:SendMessage"]),
            ("secrets:provider-callback-??????", &["secretsmanager:GetSecretValue"]),
            ("secrets:provider-callback-next-??????", &["secretsmanager:GetSecretValue"]),
            ("FingerprintSecret", &["secretsmanager:GetSecretValue"]),
            ("ProviderWebhookLogs.Arn", LOGS),
        ],
    ),
    (
        "enrichment-worker",
        &[
            ("RecordsTable.Arn", RECORDS),
            ("CreditsTable.Arn", CREDITS),
            ("AnswersTable.Arn", RECORDS),
            ("LimitsTable.Arn", LIMITS),
            ("FeedTable.Arn", &["dynamodb:BatchGetItem", "dynamodb:Query"]),
            ("EnrichmentQueue.Arn", RECEIVE),
            ("EnrichmentBulkQueue.Arn", RECEIVE),
            ("EnrichmentDeadLetterQueue.Arn", &["sqs:SendMessage"]),
            ("secrets:crm-token-??????", &["secretsmanager:GetSecretValue"]),
            ("secrets:provider-key-??????", &["secretsmanager:GetSecretValue"]),
            ("secrets:provider-callback-??????", &["secretsmanager:GetSecretValue"]),
            ("secrets:provider-callback-next-??????", &["secretsmanager:GetSecretValue"]),
            ("FingerprintSecret", &["secretsmanager:GetSecretValue"]),
            ("EnrichmentWorkerLogs.Arn", LOGS),
        ],
    ),
    (
        "signal-webhook",
        &[
            ("EnrolmentsTable.Arn", &["dynamodb:UpdateItem"]),
            ("EnrolmentQueue.Arn", &["sqs:SendMessage"]),
            ("secrets:crm-signing-??????", &["secretsmanager:GetSecretValue"]),
            ("secrets:crm-signing-next-??????", &["secretsmanager:GetSecretValue"]),
            ("FingerprintSecret", &["secretsmanager:GetSecretValue"]),
            ("SignalWebhookLogs.Arn", LOGS),
        ],
    ),
    // It spends nothing: it has no way to the credits.
    (
        "enrolment-worker",
        &[
            ("EnrichmentBulkQueue.Arn", &["sqs:SendMessage"]),
            ("RecordsTable.Arn", &["dynamodb:BatchGetItem"]),
            ("EnrolmentsTable.Arn", LIMITS),
            ("LimitsTable.Arn", LIMITS),
            ("EnrolmentQueue.Arn", RECEIVE),
            ("EnrolmentDeadLetterQueue.Arn", &["sqs:SendMessage"]),
            ("secrets:crm-token-??????", &["secretsmanager:GetSecretValue"]),
            ("secrets:provider-key-??????", &["secretsmanager:GetSecretValue"]),
            ("FingerprintSecret", &["secretsmanager:GetSecretValue"]),
            ("EnrolmentWorkerLogs.Arn", LOGS),
        ],
    ),
    (
        "deferral-release",
        &[
            ("RecordsTable.Arn", RECORDS),
            ("${RecordsTable.Arn}/index/deferred", &["dynamodb:Query"]),
            ("CreditsTable.Arn", CREDITS),
            ("FeedTable.Arn", &["dynamodb:BatchGetItem"]),
            ("EnrichmentQueue.Arn", &["sqs:SendMessage"]),
            ("EnrichmentBulkQueue.Arn", &["sqs:SendMessage"]),
            ("secrets:provider-key-??????", &["secretsmanager:GetSecretValue"]),
            (
                "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBusName}",
                &["events:PutEvents"],
            ),
            ("DeferralReleaseLogs.Arn", LOGS),
        ],
    ),
];

#[test]
fn a_function_may_do_what_it_does_and_nothing_else() {
    fn rule(template: &Template) -> Complaints {
        let mut complaints = Complaints::default();
        for function in template.functions() {
            let folder = &function.folder;
            let listed = ALLOWED.iter().find(|(name, _)| name == folder).map_or(&[][..], |(_, allowed)| allowed);
            let listed: BTreeSet<(String, String)> = listed
                .iter()
                .flat_map(|(resource, actions)| iter::repeat(resource.replace("secrets:", SECRETS)).zip(*actions))
                .map(|(resource, action)| (resource, (*action).to_owned()))
                .collect();
            let mut granted = BTreeSet::new();
            for statement in &function.statements {
                let allows = statement.effect == "Allow";
                complaints.unless(allows, || format!("{folder}: {} isn't compared", statement.effect));
                for resource in &statement.resources {
                    granted.extend(statement.actions.iter().map(|action| (resource.clone(), action.clone())));
                }
            }
            complaints.all(granted.difference(&listed).map(|it| format!("{folder} needn't: {it:?}")));
            complaints.all(listed.difference(&granted).map(|it| format!("{folder} can't: {it:?}")));
        }
        complaints
    }
    holds(rule);
    notices(rule, &policy("CrmWebhookRole", "0/Action/0"), json!("dynamodb:DeleteItem"));
    notices(rule, &policy("CrmWebhookRole", "0/Resource"), json!({ "Fn::GetAtt": ["CreditsTable", "Arn"] }));
    notices(rule, &policy("CrmWebhookRole", "1/Action"), json!("sqs:*"));
    notices(rule, &policy("CrmWebhookRole", "1/Resource"), json!("*"));
    notices(rule, &policy("DeferralReleaseRole", "3/Action"), json!("sqs:ReceiveMessage"));
    notices(rule, &policy("EnrichmentWorkerRole", "2/Action/0"), json!("sqs:SendMessage"));
    notices(rule, &policy("EnrichmentWorkerRole", "3/Resource/0/Fn::Sub"), json!(format!("{SECRETS}*")));
    notices(rule, &policy("EnrichmentWorkerRole", "0/Effect"), json!("Deny"));
}

#[test]
fn every_permission_is_used_and_every_call_permitted() {
    fn rule(template: &Template) -> Complaints {
        let mut complaints = Complaints::default();
        let source = source(&root().join("shared/aws/src"));
        let calls = CALLS.iter().filter(|(call, _)| source.contains(call)).map(|(_, action)| *action);
        let used: BTreeSet<&str> = calls.chain(LAMBDA.iter().copied()).collect();
        let statements = template.functions().iter().flat_map(|function| &function.statements);
        let granted: BTreeSet<&str> = statements.flat_map(|it| &it.actions).map(String::as_str).collect();
        let missing = used.difference(&granted).filter(|action| !OPERATORS.contains(action));
        complaints.all(missing.map(|action| format!("{action} is used and nowhere permitted")));
        complaints.all(granted.intersection(&OPERATORS.into()).map(|action| format!("{action} is for operators only")));
        complaints.all(granted.difference(&used).map(|action| format!("{action} is permitted and never used")));
        complaints
    }
    holds(rule);
    notices(rule, &policy("DeferralReleaseRole", "5/Action"), json!("sqs:ReceiveMessage"));
    notices(rule, &policy("EnrichmentWorkerRole", "0/Action/0"), json!("dynamodb:Scan"));
    notices(rule, &policy("EnrichmentWorkerRole", "0/Action/0"), json!("dynamodb:TransactWriteItems"));
}

#[test]
fn a_function_has_a_role_of_its_own_that_only_lambda_takes_on() {
    fn rule(template: &Template) -> Complaints {
        let mut complaints = Complaints::default();
        let mut roles: Vec<&str> = template.functions().iter().map(|function| function.role.as_str()).collect();
        let functions = roles.len();
        roles.sort_unstable();
        roles.dedup();
        complaints.unless(roles.len() == functions, || format!("{functions} functions share {roles:?}"));
        for (logical_id, role) in template.resources("AWS::IAM::Role") {
            let alone = role["ManagedPolicyArns"].is_null();
            complaints.unless(alone, || format!("{logical_id}: a managed policy allows more than is listed"));
            let trusted = &role["AssumeRolePolicyDocument"]["Statement"];
            let lambda = json!([{
                "Effect": "Allow",
                "Principal": { "Service": "lambda.amazonaws.com" },
                "Action": "sts:AssumeRole",
            }]);
            complaints.unless(*trusted == lambda, || format!("{logical_id}: trusts {trusted}"));
        }
        for (logical_id, policy) in template.resources("AWS::SQS::QueuePolicy") {
            let rules = ["ChangeEventRule", "ChangeEventFlowRule"].map(|rule| json!({ "Fn::GetAtt": [rule, "Arn"] }));
            let queues = ["ChangeEventQueue", "EnrichmentDeadLetterQueue"];
            let only_rules_send = json!([{
                "Effect": "Allow",
                "Principal": { "Service": "events.amazonaws.com" },
                "Action": "sqs:SendMessage",
                "Resource": queues.map(|queue| json!({ "Fn::GetAtt": [queue, "Arn"] })),
                "Condition": { "ArnEquals": { "aws:SourceArn": rules } },
            }]);
            let only_s3_tells = json!([{
                "Effect": "Allow",
                "Principal": { "Service": "s3.amazonaws.com" },
                "Action": "sqs:SendMessage",
                "Resource": { "Fn::GetAtt": ["FeedQueue", "Arn"] },
                "Condition": { "StringEquals": { "aws:SourceAccount": { "Ref": "AWS::AccountId" } } },
            }]);
            let wanted = if logical_id == "FeedQueuePolicy" { only_s3_tells } else { only_rules_send };
            let allowed = &policy["PolicyDocument"]["Statement"];
            complaints.unless(*allowed == wanted, || format!("{logical_id}: allows {allowed}"));
        }
        let separate = ["AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"];
        let separate = separate.into_iter().flat_map(|kind| template.resources(kind));
        complaints.all(separate.map(|(logical_id, _)| format!("{logical_id}: a policy that isn't compared")));
        complaints
    }
    holds(rule);
    const ROLE: &str = "/Resources/CrmWebhookRole/Properties";
    const POWER: &str = "arn:aws:iam::aws:policy/PowerUserAccess";
    notices(rule, "/Resources/CrmWebhook/Properties/Role/Fn::GetAtt/0", json!("EnrichmentWorkerRole"));
    notices(rule, &format!("{ROLE}/ManagedPolicyArns"), json!([POWER]));
    notices(rule, &format!("{ROLE}/AssumeRolePolicyDocument/Statement/0/Principal"), json!({ "AWS": "*" }));
    notices(rule, "/Resources/Extra", json!({ "Type": "AWS::IAM::Policy", "Properties": {} }));
    const STATEMENT: &str = "/Resources/ChangeEventQueuePolicy/Properties/PolicyDocument/Statement/0";
    notices(rule, &format!("{STATEMENT}/Principal"), json!("*"));
    notices(rule, &format!("{STATEMENT}/Condition"), json!(null));
    const TELLS: &str = "/Resources/FeedQueuePolicy/Properties/PolicyDocument/Statement/0";
    notices(rule, &format!("{TELLS}/Condition"), json!(null));
}

/// Where something is in a role's policy.
fn policy(role: &str, rest: &str) -> String {
    format!("/Resources/{role}/Properties/Policies/0/PolicyDocument/Statement/{rest}")
}
