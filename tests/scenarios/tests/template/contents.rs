//! Functions, their environment, tables, and what must not be in a template at all.

use std::collections::BTreeSet;
use std::fs;

use leadgate_connectors::connector::CrmInbound;
use leadgate_connectors::registry::Inbound;
use leadgate_sandbox::template::{Setting, Template, TemplateError, Trigger};
use serde_json::{Value, json};

use crate::{Complaints, holds, notices, root, source};

#[test]
fn every_folder_is_one_function_and_the_reverse() {
    fn rule(template: &Template) -> Complaints {
        let mut folders: Vec<String> = fs::read_dir(root().join("functions"))
            .expect("functions/")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        let mut deployed: Vec<String> = template.functions().iter().map(|function| function.folder.clone()).collect();
        folders.sort();
        deployed.sort();
        let mut complaints = Complaints::default();
        complaints.unless(folders == deployed, || format!("{folders:?} are the folders, {deployed:?} are deployed"));
        complaints
    }
    holds(rule);
    notices(rule, "/Resources/DeferralRelease/Type", json!("AWS::Serverless::LayerVersion"));
    notices(rule, "/Resources/DeferralRelease/Properties/CodeUri", json!("../functions/crm-webhook/"));
}

#[test]
fn a_function_is_told_what_it_reads_from_its_environment() {
    fn rule(template: &Template) -> Complaints {
        let mut complaints = Complaints::default();
        let shared = source(&root().join("shared/lambda/src"));
        let (mut read, mut set) = (variables(&shared), BTreeSet::new());
        for function in template.functions() {
            let folder = &function.folder;
            let own = source(&root().join("functions").join(folder).join("src"));
            let mut needed = variables(&own);
            needed.extend(accessors(&shared).into_iter().filter(|(call, _)| own.contains(call)).map(|(_, it)| it));
            let missing = needed.iter().filter(|variable| !function.environment.contains_key(*variable));
            complaints.all(missing.map(|variable| format!("{folder}: {variable} isn't set")));
            read.extend(needed);
            for (variable, setting) in &function.environment {
                let something = match setting {
                    Setting::Literal(_) => true,
                    Setting::Of { resource } => is_made(template, resource),
                };
                complaints.unless(something, || format!("{folder}: {variable} is {setting:?}"));
                set.extend(variable.starts_with("LEADGATE_").then(|| variable.clone()));
            }
        }
        complaints.all(read.difference(&set).map(|variable| format!("{variable} is set for no function")));
        complaints.all(set.difference(&read).map(|variable| format!("{variable} is read by no function")));
        complaints
    }
    const GLOBAL: &str = "/Globals/Function/Environment/Variables";
    const WORKER: &str = "/Resources/EnrichmentWorker/Properties/Environment/Variables";
    holds(rule);
    notices(rule, GLOBAL, json!({}));
    notices(rule, WORKER, json!({}));
    notices(rule, &format!("{GLOBAL}/LEADGATE_UNREAD"), json!("x"));
    notices(rule, &format!("{GLOBAL}/LEADGATE_QUEUE_URL/Ref"), json!("Queue"));
}

/// Every `"LEADGATE_…"` in a source.
fn variables(source: &str) -> BTreeSet<String> {
    let literals = source.split('"').filter(|text| text.starts_with("LEADGATE_"));
    literals.filter(|text| text.chars().all(|it| it.is_ascii_uppercase() || it == '_')).map(str::to_owned).collect()
}

/// Which call reads which variable: `.records()` for the function `records` that names `LEADGATE_RECORDS_TABLE`.
fn accessors(shared: &str) -> Vec<(String, String)> {
    let functions = shared.split(" fn ").skip(1);
    let reads = functions.flat_map(|function| {
        let name = function.split('(').next().unwrap_or_default();
        variables(function).into_iter().map(move |variable| (name, variable))
    });
    let calls = reads.flat_map(|(name, variable)| ["::", "."].map(|by| (format!("{by}{name}()"), variable.clone())));
    calls.collect()
}

fn is_made(template: &Template, logical_id: &str) -> bool {
    let is_secret = template.document()["Resources"][logical_id]["Type"] == "AWS::SecretsManager::Secret";
    let is_table = template.tables().iter().any(|table| table.logical_id == logical_id);
    let is_bucket = template.resources("AWS::S3::Bucket").any(|(bucket, _)| bucket == logical_id);
    is_secret || is_table || is_bucket || template.queue(logical_id).is_some()
}

#[test]
fn the_configuration_lies_where_functions_look_for_it() {
    fn rule(template: &Template) -> Complaints {
        let mut complaints = Complaints::default();
        let globals = &template.document()["Globals"]["Function"];
        let looked_for = globals["Environment"]["Variables"]["LEADGATE_CONFIG"].as_str().unwrap_or_default();
        let file = looked_for.strip_prefix("/opt/").unwrap_or_default();
        let makefile = fs::read_to_string(root().join("infra/Makefile")).expect("a makefile");
        for layer in globals["Layers"].as_array().into_iter().flatten().filter_map(|layer| layer["Ref"].as_str()) {
            let recipe = format!("build-{layer}:\n\tcp {file} \"$(ARTIFACTS_DIR)/{file}\"\n");
            complaints.unless(makefile.contains(&recipe), || format!("infra/Makefile lacks {recipe}"));
        }
        let layers = template.resources("AWS::Serverless::LayerVersion").count();
        complaints.unless(layers == 1, || format!("{layers} layers"));
        complaints
    }
    holds(rule);
    notices(rule, "/Globals/Function/Environment/Variables/LEADGATE_CONFIG", json!("/opt/other.toml"));
    notices(rule, "/Globals/Function/Layers/0/Ref", json!("OtherLayer"));
    notices(rule, "/Resources/ConfigLayer/Type", json!("AWS::SNS::Topic"));
}

#[test]
fn what_is_remembered_survives_accidents() {
    fn rule(template: &Template) -> Complaints {
        let mut complaints = Complaints::default();
        complaints.unless(!template.tables().is_empty(), || "there is no table".into());
        // What a provider said can be asked for again.
        let forgets = |name: &str| name == "AnswersTable";
        for table in template.tables().iter().filter(|table| !forgets(&table.logical_id)) {
            let name = &table.logical_id;
            complaints.unless(table.recoverable, || format!("{name}: no point-in-time recovery"));
            complaints.unless(table.encrypted, || format!("{name}: not encrypted"));
            complaints.unless(table.protected, || format!("{name}: can be deleted"));
        }
        // A message is the only trace of a lead whose delivery was answered and that no worker has read yet.
        let queues = template.queues().iter().map(|queue| &queue.logical_id);
        let tables = template.tables().iter().map(|table| &table.logical_id).filter(|name| !forgets(name));
        for name in queues.chain(tables) {
            let resource = &template.document()["Resources"][name];
            for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
                let kept = resource[policy] == "Retain";
                complaints.unless(kept, || format!("{name}: {policy} is {}", resource[policy]));
            }
        }
        complaints
    }
    const TABLE: &str = "/Resources/CreditsTable/Properties";
    holds(rule);
    notices(rule, &format!("{TABLE}/PointInTimeRecoverySpecification/PointInTimeRecoveryEnabled"), json!(false));
    notices(rule, &format!("{TABLE}/SSESpecification/SSEEnabled"), json!(false));
    notices(rule, &format!("{TABLE}/DeletionProtectionEnabled"), json!(false));
    notices(rule, "/Resources/RecordsTable/DeletionPolicy", json!("Delete"));
    notices(rule, "/Resources/RecordsTable/UpdateReplacePolicy", Value::Null);
    notices(rule, "/Resources/EnrichmentBulkQueue/DeletionPolicy", Value::Null);
}

#[test]
fn two_installations_fit_in_one_account() {
    fn rule(template: &Template) -> Complaints {
        let mut complaints = Complaints::default();
        for (logical_id, resource) in template.document()["Resources"].as_object().into_iter().flatten() {
            for (property, value) in resource["Properties"].as_object().into_iter().flatten() {
                let fixed = property.ends_with("Name") && property != "MetricName" && value.is_string();
                complaints.unless(!fixed, || format!("{logical_id} is named {value}"));
            }
            let schedules = resource["Properties"]["Events"].as_object().into_iter().flatten().map(|(_, event)| event);
            for event in schedules.filter(|event| event["Type"] == "ScheduleV2") {
                let unnamed = event["Properties"]["OmitName"] == true;
                complaints.unless(unnamed, || format!("{logical_id}: SAM names the schedule"));
            }
        }
        complaints
    }
    holds(rule);
    notices(rule, "/Resources/CrmWebhook/Properties/FunctionName", json!("crm-webhook"));
    notices(rule, "/Resources/CrmWebhookLogs/Properties/LogGroupName", json!("/leadgate/crm-webhook"));
    notices(rule, "/Resources/DeferralRelease/Properties/Events/Schedule/Properties/OmitName", json!(false));
}

#[test]
fn a_template_holds_no_secret() {
    fn rule(template: &Template) -> Complaints {
        let mut complaints = Complaints::default();
        visit_texts(template.document(), &mut |text| complaints.unless(!is_like_a_secret(text), || text.into()));
        for variable in template.functions().iter().flat_map(|function| function.environment.keys()) {
            let names_one = ["SECRET", "TOKEN", "PASSWORD", "KEY"].iter().any(|word| variable.contains(word));
            complaints.unless(!names_one, || variable.clone());
        }
        complaints
    }
    const VARIABLES: &str = "/Globals/Function/Environment/Variables";
    holds(rule);
    notices(rule, &format!("{VARIABLES}/LEADGATE_CONFIG"), json!("pat-na1-0a1b2c3d-4e5f"));
    notices(rule, &format!("{VARIABLES}/LEADGATE_CONFIG"), json!("c2VjcmV0MTIzNDU2Nzg5MGFiY2Rl"));
    notices(rule, &format!("{VARIABLES}/HUBSPOT_TOKEN"), json!("x"));
    notices(rule, "/Parameters/SecretPrefix/Default", json!("AKIAIOSFODNN7EXAMPLE"));
}

fn visit_texts(value: &Value, visit: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(items) => items.iter().for_each(|item| visit_texts(item, visit)),
        Value::Object(fields) => fields.values().for_each(|field| visit_texts(field, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A known beginning of a key, or something long that isn't words.
fn is_like_a_secret(text: &str) -> bool {
    let known = ["AKIA", "ASIA", "pat-", "whsec_", "-----BEGIN"].iter().any(|start| text.starts_with(start));
    let encoded = text.chars().all(|it| it.is_ascii_alphanumeric() || "+/=_-".contains(it));
    known || (encoded && text.len() >= 24 && text.chars().any(|it| it.is_ascii_digit()))
}

#[test]
fn what_would_be_misread_is_refused() {
    let document = |queue: &str| format!("Resources: {{ Q: {{ Type: AWS::SQS::Queue, Properties: {queue} }} }}");
    let read = |queue: &str| Template::parse(&document(queue));
    assert!(read("{ VisibilityTimeout: 60 }").is_ok());
    assert!(matches!(read("{ VisibilityTimeout: !Ref Timeout }"), Err(TemplateError::Yaml(_))));
    assert!(matches!(read("{ DelaySeconds: 60 }"), Err(TemplateError::Shape { .. })));
    assert!(matches!(
        read("{ RedrivePolicy: { deadLetterTargetArn: x, maxReceiveCount: 8 } }"),
        Err(TemplateError::Unknown { .. })
    ));
}

#[test]
fn a_panic_fails_one_invocation_and_not_the_process() {
    // Said in so many words: where it is left out, `cargo lambda` chooses abort.
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("a manifest");
    assert!(manifest.contains("\npanic = \"unwind\"\n"));
}

#[test]
fn every_vendor_has_its_routes() {
    fn rule(template: &Template) -> Complaints {
        let routes: BTreeSet<String> = template
            .functions()
            .iter()
            .flat_map(|function| &function.triggers)
            .filter_map(|trigger| match trigger {
                Trigger::Route { method, path } => Some(format!("{method} {path}")),
                _ => None,
            })
            .collect();
        let vendors = Inbound::shipped();
        let crms = vendors.crms.iter().map(|crm| format!("POST /{}/{{tenant}}", crm.vendor.name));
        let secret = |crm: &&&CrmInbound| crm.takes_path_secret;
        let with_secret =
            vendors.crms.iter().filter(secret).map(|crm| format!("POST /{}/{{tenant}}/{{secret}}", crm.vendor.name));
        let callbacks = vendors.providers.iter().filter(|it| it.people_in.is_some());
        let providers = callbacks.map(|it| format!("POST /{}/{{tenant}}/{{token}}", it.vendor.name));
        let signed = vendors.providers.iter().filter(|it| it.signed.is_some());
        let signed = signed.map(|it| format!("POST /{}/{{tenant}}", it.vendor.name));
        let sources = ["hooks", "signals"].map(|first| format!("POST /{first}/{{tenant}}/{{source}}"));
        let of_records = ["POST /signals/{tenant}/{source}/{record}".to_owned()];
        let sources = sources.into_iter().chain(of_records);
        let needed: BTreeSet<String> = crms.chain(with_secret).chain(providers).chain(signed).chain(sources).collect();
        let mut complaints = Complaints::default();
        complaints.unless(routes == needed, || format!("{routes:?} are served, {needed:?} are needed"));
        complaints
    }
    const EVENTS: &str = "/Resources/CrmWebhook/Properties/Events";
    holds(rule);
    notices(rule, &format!("{EVENTS}/SalesforceOutboundMessages/Properties/Path"), json!("/salesforce/{tenant}/x"));
    notices(rule, &format!("{EVENTS}/Hooks/Properties/Path"), json!("/hooks/{tenant}"));
    notices(rule, &format!("{EVENTS}/HubSpot/Properties/Method"), json!("GET"));
}

#[test]
fn a_bucket_is_private_encrypted_and_forgets() {
    fn rule(template: &Template) -> Complaints {
        let mut complaints = Complaints::default();
        complaints.unless(template.resources("AWS::S3::Bucket").count() == 1, || "one bucket is expected".into());
        for (name, bucket) in template.resources("AWS::S3::Bucket") {
            let blocks = ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"];
            let is_private = blocks.iter().all(|block| bucket["PublicAccessBlockConfiguration"][block] == json!(true));
            complaints.unless(is_private, || format!("{name}: public"));
            let encryption = &bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0];
            let is_encrypted = encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"].is_string();
            complaints.unless(is_encrypted, || format!("{name}: not encrypted"));
            let keeps = bucket["VersioningConfiguration"]["Status"] == "Enabled";
            complaints.unless(keeps, || format!("{name}: what is replaced is lost"));
            let rules = bucket["LifecycleConfiguration"]["Rules"].as_array().cloned().unwrap_or_default();
            for folder in [feed_import::DROPS, feed_import::REJECTS] {
                let forgets = rules.iter().any(|rule| {
                    rule["Prefix"] == folder && rule["Status"] == "Enabled" && rule["ExpirationInDays"].is_u64()
                });
                complaints.unless(forgets, || format!("{name}: {folder} is kept for good"));
            }
            let told = &bucket["NotificationConfiguration"]["QueueConfigurations"][0];
            let filter = &told["Filter"]["S3Key"]["Rules"][0];
            complaints.unless(filter["Value"] == feed_import::DROPS, || format!("{name}: tells of {filter}"));
            let is_refused = |policy: &serde_json::Value| {
                let statement = &policy["PolicyDocument"]["Statement"][0];
                policy["Bucket"]["Ref"] == name
                    && statement["Effect"] == "Deny"
                    && statement["Condition"]["Bool"]["aws:SecureTransport"] == "false"
            };
            let over_tls = template.resources("AWS::S3::BucketPolicy").any(|(_, policy)| is_refused(policy));
            complaints.unless(over_tls, || format!("{name}: not only over TLS"));
        }
        complaints
    }
    const BUCKET: &str = "/Resources/FeedBucket/Properties";
    holds(rule);
    notices(rule, &format!("{BUCKET}/PublicAccessBlockConfiguration/BlockPublicAcls"), json!(false));
    notices(rule, &format!("{BUCKET}/BucketEncryption"), json!(null));
    notices(rule, &format!("{BUCKET}/VersioningConfiguration/Status"), json!("Suspended"));
    notices(rule, &format!("{BUCKET}/LifecycleConfiguration/Rules/0/Prefix"), json!("other/"));
    notices(rule, &format!("{BUCKET}/LifecycleConfiguration/Rules/1/Status"), json!("Disabled"));
    notices(rule, &format!("{BUCKET}/NotificationConfiguration/QueueConfigurations/0/Filter"), json!(null));
    notices(rule, "/Resources/FeedBucketPolicy/Properties/PolicyDocument/Statement/0/Effect", json!("Allow"));
}
