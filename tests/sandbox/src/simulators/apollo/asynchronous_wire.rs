//! The shapes in which results arrive: through a callback, and in the answer to whoever asks for them.

use serde_json::{Value, json};

use super::asynchronous::{Found, Job, Outcome};
use super::people::{Person, object_id};
use super::wire::credits;

/// What a callback says.
pub(super) fn payload(job: &Job, outcome: &Outcome<'_>) -> Value {
    if job.wanted.is_waterfall() { waterfall(job, outcome) } else { native(job, outcome) }
}

/// What is answered to whoever asks for a result. The id is a text here.
pub(super) fn polled(job: &Job, payload: &Value) -> Value {
    json!({
        "request_id": job.request_id.to_string(),
        "webhook_status": "success",
        "request_type": if job.wanted.is_waterfall() { "waterfall" } else { "phone" },
        "last_dispatched_at": job.wanted.webhook_url.as_ref().map(|_| job.due.to_string()),
        "failure_reason": null,
        "webhook_result": payload,
    })
}

/// Numbers alone. It says nothing of the request.
fn native(job: &Job, outcome: &Outcome<'_>) -> Value {
    let people: Vec<Value> = outcome.people.iter().map(|found| native_person(found, job)).collect();
    json!({
        "status": "success",
        "total_requested_enrichments": job.promise.requested,
        "unique_enriched_records": count(outcome, has_mobile),
        "missing_records": job.promise.missing,
        "credits_consumed": credits(outcome.milli),
        "people": people,
    })
}

/// Of those who have no number, some have failed and some have succeeded without one: both are seen.
fn native_person(found: &Found<'_>, job: &Job) -> Value {
    let phones = phones(found, job);
    let says_failed = found.unpaid || (phones.is_empty() && found.person.id.ends_with(|c: char| c.is_ascii_digit()));
    json!({
        "id": found.person.id,
        "status": if says_failed { "failed" } else { "success" },
        "phone_numbers": phones,
    })
}

fn waterfall(job: &Job, outcome: &Outcome<'_>) -> Value {
    let wanted = &job.wanted;
    let targets = [("emails", wanted.waterfall_email), ("phone_numbers", wanted.is_mobile())];
    let targets: Vec<&str> = targets.into_iter().filter(|(_, is_on)| *is_on).map(|(name, _)| name).collect();
    let emails = count(outcome, |found| found.email.is_some());
    let mobiles = count(outcome, has_mobile);
    let enriched = count(outcome, |found| found.email.is_some() || has_mobile(found));
    let unless = |wanted: bool, found: usize| if wanted { job.promise.requested - found } else { 0 };
    let people: Vec<Value> = outcome.people.iter().map(|found| waterfall_person(found, job)).collect();
    json!({
        "status": "success",
        "total_requested_enrichments": job.promise.requested,
        "target_fields": targets,
        "records_enriched": enriched,
        "email_records_enriched": emails,
        "mobile_records_enriched": mobiles,
        "enrichment_not_found": job.promise.requested - enriched,
        "email_records_not_found": unless(wanted.waterfall_email, emails),
        "mobile_records_not_found": unless(wanted.is_mobile(), mobiles),
        "credits_consumed": credits(outcome.milli),
        "request_id": job.request_id.to_string(),
        "request_initiated": job.accepted.to_string(),
        "request_completed": job.due.to_string(),
        "people": people,
    })
}

fn waterfall_person(found: &Found<'_>, job: &Job) -> Value {
    let mut sources = json!({});
    let mut person = json!({ "id": found.person.id });
    if job.wanted.waterfall_email {
        let is_own = found.email.is_some() && found.email == found.person.email.as_deref();
        let email = |email: &str| {
            json!({
                "email": email,
                "email_source_cd": if is_own { "apollo" } else { "third_party" },
                "position": 0,
                "email_status_cd": "Verified",
                "extrapolated_email_confidence": null,
                "third_party_data_provider_id": null,
                "waterfall_enriched_at": job.due.to_string(),
                "vendor_validation_statuses": [],
            })
        };
        person["emails"] = found.email.map(email).into_iter().collect();
        sources["emails"] = json!([{ "vendors": [vendor("emails", found.email.map(Value::from))] }]);
    }
    if job.wanted.is_mobile() {
        let phones = phones(found, job);
        let first = phones.first().map(|phone| phone["sanitized_number"].clone());
        sources["phone_numbers"] = json!([{ "vendors": [vendor("phone_numbers", first)] }]);
        person["phone_numbers"] = Value::from(phones);
    }
    person["waterfall"] = sources;
    person
}

fn vendor(kind: &str, found: Option<Value>) -> Value {
    json!({
        "id": "vendor-1",
        "name": "Vendor One",
        "status": if found.is_some() { "VERIFIED" } else { "UNVERIFIED" },
        kind: found.into_iter().collect::<Vec<Value>>(),
        "usedForVerification": false,
        "statusCode": 200,
        "statusMessage": null,
        "authMechanism": "native",
    })
}

/// Everybody's numbers. The mobile one isn't the first where there is a desk.
fn phones(found: &Found<'_>, job: &Job) -> Vec<Value> {
    if !found.phones {
        return Vec::new();
    }
    let Person { mobile, direct_phone, .. } = found.person;
    let desk = direct_phone.iter().map(|number| (number, "work_direct_phone", "no_status", None));
    let mobile = mobile.iter().map(|mobile| {
        let status = if mobile.is_valid { "valid_number" } else { "no_status" };
        (&mobile.number, "mobile", status, mobile.do_not_call.as_str())
    });
    let number = |(position, (number, kind, status, do_not_call)): (usize, (&String, _, _, Option<_>))| {
        let id = object_id(kind, number);
        json!({
            "_id": id,
            "id": id,
            "key": id,
            "raw_number": number,
            "sanitized_number": number,
            "type_cd": kind,
            "status_cd": status,
            "confidence_cd": "high",
            "position": position,
            "direct_dial_source_cd": null,
            "dnc_status_cd": do_not_call,
            "dnc_other_info": { "country": null },
            "dnc_status_updated_at": do_not_call.map(|_| job.due.to_string()),
            "created_at": job.due.to_string(),
            "updated_at": job.due.to_string(),
        })
    };
    desk.chain(mobile).enumerate().map(number).collect()
}

fn has_mobile(found: &Found<'_>) -> bool {
    found.phones && found.person.mobile.is_some()
}

fn count(outcome: &Outcome<'_>, is_it: impl Fn(&Found<'_>) -> bool) -> usize {
    outcome.people.iter().filter(|found| is_it(found)).count()
}
