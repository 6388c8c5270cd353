//! Time limits, queues and alarms.

use std::collections::BTreeSet;
use std::time::Duration;

use enrichment_worker::RECEIVES_MAX;
use leadgate_lambda::invocation::CLAIM_MARGIN;
use leadgate_sandbox::template::{Template, Trigger};
use serde_json::{Value, json};

use crate::{Complaints, holds, notices};

/// HubSpot's: a delivery that isn't answered by then has failed.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(5);
/// AWS's advice: a queue hides a message for this many times the timeout of the function that handles it.
const VISIBILITY_PER_TIMEOUT: u32 = 6;
/// AWS's advice: throttled polls count as receives, and fewer would give up on messages that nobody has looked at.
const RECEIVES_MIN: u32 = 5;
/// More than this needs a batching window, and is more than the provider's bulk call takes.
const BATCH_MAX: u32 = 10;
/// The least that AWS accepts.
const CONCURRENCY_MIN: u32 = 2;

#[test]
fn a_claim_runs_out_before_its_message_shows_again() {
    fn rule(template: &Template) -> Complaints {
        let mut complaints = Complaints::default();
        for function in template.functions() {
            let (folder, timeout) = (&function.folder, function.timeout);
            for mapping in function.queues() {
                let Some(queue) = template.queue(&mapping.queue) else { continue };
                let hidden = queue.visibility_timeout;
                let claim = timeout + CLAIM_MARGIN;
                complaints.unless(claim < hidden, || format!("{folder}: a claim outlives {hidden:?}"));
                let advised = timeout * VISIBILITY_PER_TIMEOUT + mapping.window_max;
                complaints.unless(hidden >= advised, || format!("{folder}: hidden for less than {advised:?}"));
            }
        }
        complaints
    }
    holds(rule);
    notices(rule, "/Resources/EnrichmentQueue/Properties/VisibilityTimeout", json!(419));
    notices(rule, "/Resources/EnrichmentBulkQueue/Properties/VisibilityTimeout", json!(364));
    notices(rule, "/Resources/EnrichmentWorker/Properties/Timeout", json!(61));
    notices(rule, "/Parameters/BatchingWindowSeconds/MaxValue", json!(61));
}

#[test]
fn doors_answer_before_the_crm_gives_up_and_runs_of_a_schedule_do_not_overlap() {
    fn rule(template: &Template) -> Complaints {
        let mut complaints = Complaints::default();
        for function in template.functions() {
            let limits = function.triggers.iter().filter_map(|trigger| match trigger {
                Trigger::Route { .. } => Some(DELIVERY_TIMEOUT),
                Trigger::Schedule(every) => Some(*every),
                Trigger::Queue(_) => None,
            });
            for limit in limits {
                let folder = &function.folder;
                complaints.unless(function.timeout < limit, || format!("{folder} may run for {limit:?} or longer"));
            }
        }
        complaints
    }
    holds(rule);
    notices(rule, "/Resources/CrmWebhook/Properties/Timeout", json!(5));
    notices(rule, "/Resources/DeferralRelease/Properties/Timeout", json!(300));
}

#[test]
fn messages_come_back_alone_and_no_invocation_is_throttled() {
    fn rule(template: &Template) -> Complaints {
        let mut complaints = Complaints::default();
        let least = &template.document()["Parameters"]["WorkerConcurrency"]["MinValue"];
        complaints.unless(*least == json!(CONCURRENCY_MIN), || format!("{least} is not what AWS accepts"));
        for (logical_id, properties) in template.resources("AWS::Serverless::Function") {
            let unreserved = properties["ReservedConcurrentExecutions"].is_null();
            complaints.unless(unreserved, || format!("{logical_id}: throttled polls wear messages out"));
            let unfiltered = !properties["Events"].to_string().contains("FilterCriteria");
            complaints.unless(unfiltered, || format!("{logical_id}: a filter deletes what doesn't match"));
        }
        let mappings: Vec<_> = template.functions().iter().flat_map(|function| function.queues()).collect();
        complaints.unless(!mappings.is_empty(), || "no function reads a queue".into());
        for mapping in mappings {
            let queue = &mapping.queue;
            complaints.unless(mapping.reports_failures, || format!("{queue}: one failure fails all"));
            let small = (1..=BATCH_MAX).contains(&mapping.batch_size);
            complaints.unless(small, || format!("{queue}: batches of {}", mapping.batch_size));
            let enough = mapping.max_concurrency >= CONCURRENCY_MIN;
            complaints.unless(enough, || format!("{queue}: {} at a time", mapping.max_concurrency));
        }
        complaints
    }
    const MAPPING: &str = "/Resources/EnrichmentWorker/Properties/Events/Queue/Properties";
    holds(rule);
    notices(rule, &format!("{MAPPING}/FunctionResponseTypes"), json!([]));
    notices(rule, &format!("{MAPPING}/BatchSize"), json!(11));
    notices(rule, &format!("{MAPPING}/ScalingConfig/MaximumConcurrency"), json!(1));
    notices(rule, &format!("{MAPPING}/FilterCriteria"), json!({ "Filters": [] }));
    notices(rule, "/Parameters/WorkerConcurrency/Default", json!(1));
    notices(rule, "/Parameters/WorkerConcurrency/MinValue", json!(1));
    notices(rule, "/Resources/EnrichmentWorker/Properties/ReservedConcurrentExecutions", json!(10));
}

#[test]
fn a_message_that_nobody_can_handle_is_kept_and_seen() {
    fn rule(template: &Template) -> Complaints {
        let mut complaints = Complaints::default();
        complaints.unless(!template.queues().is_empty(), || "there is no queue".into());
        let ends: BTreeSet<&str> = template
            .queues()
            .iter()
            .filter_map(|queue| Some(queue.redrive.as_ref()?.dead_letter_queue.as_str()))
            .collect();
        for queue in template.queues() {
            let name = &queue.logical_id;
            complaints.unless(queue.encrypted, || format!("{name}: not encrypted"));
            if ends.contains(name.as_str()) {
                let watched = alarmed(template, "ApproximateNumberOfMessagesVisible", name, "QueueName");
                complaints.unless(watched, || format!("{name}: nobody is told of its depth"));
                continue;
            }
            let watched = alarmed(template, "ApproximateAgeOfOldestMessage", name, "QueueName");
            complaints.unless(watched, || format!("{name}: nobody is told of its age"));
            complaints.unless(queue.redrive.is_some(), || format!("{name}: no dead-letter queue"));
            let Some(redrive) = &queue.redrive else { continue };
            let patient = redrive.max_receive_count >= RECEIVES_MIN;
            complaints.unless(patient, || format!("{name}: {} receives", redrive.max_receive_count));
            let anew = redrive.max_receive_count >= 2 * RECEIVES_MAX;
            complaints.unless(anew, || format!("{name}: a message that can't be sent anew has no receives left"));
            let kept = template.queue(&redrive.dead_letter_queue).is_some_and(|end| end.retention >= queue.retention);
            complaints.unless(kept, || format!("{name}: its dead letters are lost before it loses them"));
        }
        complaints
    }
    holds(rule);
    const QUEUE: &str = "/Resources/EnrichmentQueue/Properties";
    notices(rule, &format!("{QUEUE}/RedrivePolicy"), Value::Null);
    notices(rule, &format!("{QUEUE}/RedrivePolicy/maxReceiveCount"), json!(4));
    notices(rule, &format!("{QUEUE}/RedrivePolicy/maxReceiveCount"), json!(7));
    notices(rule, &format!("{QUEUE}/SqsManagedSseEnabled"), json!(false));
    notices(rule, "/Resources/EnrichmentDeadLetterQueue/Properties/MessageRetentionPeriod", json!(1_209_599));
    notices(rule, "/Resources/DeadLetterAlarm/Properties/MetricName", json!("NumberOfMessagesSent"));
    notices(rule, "/Resources/DeadLetterAlarm/Properties/Threshold", json!(10));
    notices(rule, "/Resources/DeadLetterAlarm/Properties/AlarmActions", Value::Null);
    notices(rule, "/Resources/DeadLetterAlarm/Properties/Dimensions/0/Value/Fn::GetAtt/0", json!("EnrichmentQueue"));
    notices(rule, "/Resources/BacklogAlarm/Type", json!("AWS::SNS::Topic"));
    notices(rule, "/Resources/BulkBacklogAlarm/Type", json!("AWS::SNS::Topic"));
    notices(rule, "/Resources/EnrichmentBulkQueue/Properties/RedrivePolicy", Value::Null);
}

#[test]
fn somebody_is_told_when_a_function_fails() {
    fn rule(template: &Template) -> Complaints {
        let silent = |logical_id: &&str| !alarmed(template, "Errors", logical_id, "FunctionName");
        let functions = template.functions().iter().map(|function| function.logical_id.as_str());
        let mut complaints = Complaints::default();
        complaints.all(functions.filter(silent).map(|function| format!("{function}: nobody is told of its errors")));
        complaints
    }
    holds(rule);
    notices(rule, "/Resources/EnrichmentWorkerErrorAlarm/Properties/MetricName", json!("Throttles"));
    notices(rule, "/Resources/CrmWebhookErrorAlarm/Properties/Dimensions/0/Value/Ref", json!("EnrichmentWorker"));
}

/// What the functions answer and log is counted by the API and by filters of the logs: no function fails for it.
#[test]
fn operators_are_told_of_what_lambda_counts_as_a_success() {
    fn rule(template: &Template) -> Complaints {
        let mut complaints = Complaints::default();
        complaints.unless(alarmed(template, "5xx", "HttpApi", "ApiId"), || "5xx: nothing alarms".into());
        let alarms = || template.resources("AWS::CloudWatch::Alarm").map(|(_, alarm)| alarm);
        let refused = alarms().any(|alarm| {
            let metrics = alarm["Metrics"].as_array().into_iter().flatten();
            let of_api =
                metrics.filter(|metric| metric["MetricStat"]["Metric"]["Dimensions"][0]["Value"]["Ref"] == "HttpApi");
            of_api.count() == 2
        });
        complaints.unless(refused, || "4xx: nothing alarms".into());
        for metric in ["CreditsDrift", "CreditsLow", "OldestRequestSeconds"] {
            let filtered = template.resources("AWS::Logs::MetricFilter").any(|(_, filter)| {
                let made = &filter["MetricTransformations"][0];
                made["MetricName"] == metric && made["MetricNamespace"] == "Leadgate"
            });
            let told = alarms().any(|alarm| {
                alarm["MetricName"] == metric
                    && alarm["Namespace"] == "Leadgate"
                    && alarm["AlarmActions"].to_string().contains("AlarmTopicArn")
            });
            complaints.unless(filtered && told, || format!("{metric}: nothing alarms"));
        }
        let details = ["Credits Low", "Credits Drift", "Credits Locked"];
        let sent = template.resources("AWS::Events::Rule").any(|(_, rule)| {
            let pattern = &rule["EventPattern"];
            pattern["source"] == json!(["leadgate"])
                && details.iter().all(|detail| pattern["detail-type"].to_string().contains(detail))
                && rule["Targets"][0]["Arn"]["Ref"] == "AlarmTopicArn"
        });
        complaints.unless(sent, || "the events for operators go nowhere".into());
        complaints
    }
    holds(rule);
    notices(rule, "/Resources/DoorErrorAlarm/Properties/MetricName", json!("4xx"));
    notices(
        rule,
        "/Resources/DoorRefusalAlarm/Properties/Metrics/0/MetricStat/Metric/Dimensions/0/Value",
        json!("other"),
    );
    notices(rule, "/Resources/CreditsLowAlarm/Properties/AlarmActions", Value::Null);
    notices(rule, "/Resources/OldestRequest/Properties/MetricTransformations/0/MetricName", json!("Age"));
    notices(rule, "/Resources/OperatorEvents/Properties/EventPattern/detail-type", json!(["Credits Low"]));
}

/// Whether somebody is told as soon as this metric of this resource isn't what it should be.
fn alarmed(template: &Template, metric: &str, logical_id: &str, dimension: &str) -> bool {
    let names = [json!({ "Ref": logical_id }), json!({ "Fn::GetAtt": [logical_id, dimension] })];
    template.resources("AWS::CloudWatch::Alarm").any(|(_, alarm)| {
        let of = &alarm["Dimensions"][0];
        // An age is never zero: every other metric here should be.
        let strict = metric == "ApproximateAgeOfOldestMessage" || alarm["Threshold"] == 0;
        alarm["MetricName"] == metric
            && alarm["ComparisonOperator"] == "GreaterThanThreshold"
            && strict
            && of["Name"] == dimension
            && names.contains(&of["Value"])
            && alarm["AlarmActions"].to_string().contains("AlarmTopicArn")
    })
}
