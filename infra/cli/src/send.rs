//! `leadgate send`: sign an event file for now, and post it.

mod event_file;
#[cfg(feature = "sandbox")]
mod world;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use leadgate_connectors::crm::attio::inbound::signature as attio;
use leadgate_connectors::crm::close::inbound::signature as close;
use leadgate_connectors::crm::hubspot::inbound::signature::sign_v3;
use leadgate_connectors::secret::Secret;
use leadgate_connectors::signatures::standard_webhooks;
use serde_json::{Value, json};

use self::event_file::{EventFile, SECRET_WHEN_SENT, SIGNED_WHEN_SENT};
use crate::books::LOCAL;
use crate::terminal::{object, say};
use crate::{Failure, Outcome, check, now};

#[cfg_attr(
    feature = "sandbox",
    doc = "Sign an event file (as in events/) for the present moment and post it, to `leadgate local` or anywhere else."
)]
#[cfg_attr(not(feature = "sandbox"), doc = "Sign an event file (as in events/) for the present moment and post it.")]
///
/// The answer is shown with what each of its fields means. Events of SQS and of the schedule come to a function in another
/// way: for one of those, the command that runs it is named. A signature header that says "signed when sent" is made; any other is sent as it stands in the file.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A whole Lambda event of an HTTP API.
    file: PathBuf,
    /// Where to post it, without the path: the event has that.
    #[arg(long)]
    #[cfg_attr(feature = "sandbox", arg(default_value = LOCAL))]
    to: String,
    /// The public URL that is signed, if it differs from where it is posted.
    #[arg(long)]
    signed_url: Option<String>,
    /// What signs it.
    #[arg(long, env = "LEADGATE_SIGNING_SECRET", hide_env_values = true)]
    #[cfg_attr(feature = "sandbox", arg(default_value = world::SIGNING_SECRET))]
    secret: String,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}

const TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) async fn run(arguments: &Arguments) -> Outcome {
    let event = with_secret(event_of(&arguments.file)?, &arguments.secret);
    let to = address(&arguments.to)?;
    let url = format!("{to}{}", event.path);
    let signed_url = arguments.signed_url.as_ref().unwrap_or(&url);
    let http = leadgate_connectors::http::client();
    let timestamp = now().as_millisecond();
    #[cfg(feature = "sandbox")]
    let timestamp = world::time(&http, &to).await.unwrap_or(timestamp);
    let secret = Secret::new(arguments.secret.clone());
    let signature = sign_v3(&secret, &event.method, signed_url, &event.body, timestamp);
    let attio_signature = attio::sign(&secret, &event.body);
    let close_signature = close::sign(&as_key(&secret), timestamp / 1000, &event.body).unwrap_or_default();
    let (standard, seconds) = (standard_signature(&secret, &event, timestamp / 1000), timestamp / 1000);

    #[cfg(feature = "sandbox")]
    let told_of = world::contacts_of(&event.body);
    let mut request = http.request(event.method.parse()?, &url).timeout(TIMEOUT).body(event.body);
    for (header, value) in &event.headers {
        let value = match (header.as_str(), value.as_str()) {
            ("x-hubspot-signature-v3", SIGNED_WHEN_SENT) => &signature,
            ("x-hubspot-request-timestamp", SIGNED_WHEN_SENT) => &timestamp.to_string(),
            (standard_webhooks::SIGNATURE, SIGNED_WHEN_SENT) => &standard,
            (standard_webhooks::TIMESTAMP, SIGNED_WHEN_SENT) => &seconds.to_string(),
            (attio::SIGNATURE, SIGNED_WHEN_SENT) => &attio_signature,
            (close::SIGNATURE, SIGNED_WHEN_SENT) => &close_signature,
            (close::TIMESTAMP, SIGNED_WHEN_SENT) => &seconds.to_string(),
            ("authorization", SIGNED_WHEN_SENT) => &basic(&arguments.secret),
            ("content-length" | "host", _) => continue,
            _ => value,
        };
        request = request.header(header, value);
    }
    let response = request.send().await.map_err(|error| unreachable_at(&to, &error))?;
    let status = response.status();
    let answer = body_of(response).await?;
    if arguments.json {
        let body = serde_json::from_str(&answer).unwrap_or(Value::String(answer));
        println!("{}", object(json!({ "status": status.as_u16(), "answer": body })));
    } else {
        println!("{status} {answer}");
        explained(&answer).iter().for_each(|line| say(&format!("  {line}")));
        #[cfg(feature = "sandbox")]
        if status.is_success() {
            world::say_what_is_missing(&http, &to, &told_of).await;
        }
    }
    Ok(if status.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The same event, with the secret where its address or its body says so.
fn with_secret(event: EventFile, secret: &str) -> EventFile {
    let path = event.path.replace(SECRET_WHEN_SENT, secret);
    let body = match String::from_utf8(event.body) {
        Ok(text) => text.replace(SECRET_WHEN_SENT, secret).into_bytes(),
        Err(other) => other.into_bytes(),
    };
    EventFile { path, body, ..event }
}

/// A key in hexadecimal digits: the secret, or its bytes.
fn as_key(secret: &Secret) -> Secret {
    let is_key = secret.expose().bytes().all(|byte| byte.is_ascii_hexdigit());
    let digits = || secret.expose().bytes().map(|byte| format!("{byte:02x}")).collect();
    if is_key { secret.clone() } else { Secret::new(digits()) }
}

/// By user and password: the secret, or a password of the user that worlds on one machine have.
fn basic(secret: &str) -> String {
    let whole = if secret.contains(':') { secret.to_owned() } else { format!("leadgate:{secret}") };
    format!("Basic {}", STANDARD.encode(whole))
}

/// By Standard Webhooks. What signs nothing by them is sent as it is, and refused.
fn standard_signature(secret: &Secret, event: &EventFile, seconds: i64) -> String {
    #[cfg(feature = "sandbox")]
    let secret = &world::standard_secret(secret);
    let id = event.headers.get(standard_webhooks::ID).map(String::as_str).unwrap_or_default();
    standard_webhooks::sign(secret, id, seconds, &event.body).unwrap_or_default()
}

/// Reads a file that can be posted.
fn event_of(file: &Path) -> Result<EventFile, Failure> {
    let (name, text) = (file.display(), check::text_of(file)?);
    EventFile::parse(&text).map_err(|error| match other_event(&text) {
        Some((what, function)) => format!(
            "{name} is an event of {what}, which isn't posted: run it with `cargo lambda watch` and `cargo lambda invoke \
             {function} --data-file {name}`. In `leadgate local` such events come by themselves"
        )
        .into(),
        None => format!(
            "{name} is not an event of an HTTP API: {error}. Name one of the files in events/crm-webhook, \
             events/provider-webhook or events/signal-webhook"
        )
        .into(),
    })
}

/// Where an event that isn't posted comes from, and which function gets it.
fn other_event(text: &str) -> Option<(&'static str, &'static str)> {
    let event: Value = serde_json::from_str(text).ok()?;
    let queue = event["Records"][0]["eventSourceARN"].as_str().unwrap_or_default();
    match (event.get("Records"), event.get("source").and_then(Value::as_str)) {
        (Some(_), _) if queue.ends_with(":ChangeEventQueue") => Some(("SQS", "crm-events")),
        (Some(_), _) if queue.ends_with(":EnrolmentQueue") => Some(("SQS", "enrolment-worker")),
        (Some(_), _) if queue.ends_with(":FeedQueue") => Some(("S3", "feed-import")),
        (Some(_), _) if queue.ends_with(":ListQueue") => Some(("SQS", "tam-build")),
        (Some(_), _) => Some(("SQS", "enrichment-worker")),
        (None, Some("aws.events" | "aws.scheduler")) => {
            let schedule = event["resources"][0].as_str().unwrap_or_default();
            let is_nightly = schedule.ends_with("/TamBuildNight");
            Some(("the schedule", if is_nightly { "tam-build" } else { "deferral-release" }))
        }
        _ => None,
    }
}

/// An address to post to, without a slash at its end.
fn address(to: &str) -> Result<String, Failure> {
    let url = reqwest::Url::parse(to).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    match url {
        Some(url) if url.path() == "/" && url.query().is_none() => Ok(to.trim_end_matches('/').to_owned()),
        Some(_) => Err(format!("found {to:?} for --to, expected an address without a path: the event has that").into()),
        None => Err(format!("found {to:?} for --to, expected an address with its scheme, such as {LOCAL}").into()),
    }
}

fn unreachable_at(to: &str, error: &reqwest::Error) -> Failure {
    let why = match error {
        error if error.is_timeout() => "there was no answer in time",
        error if error.is_connect() => "no server was found there",
        _ => "the connection was lost",
    };
    format!(
        "{to} could not be reached: {why}. Start a server with `cargo run -- local`, or name one that runs with --to \
         http://HOST:PORT"
    )
    .into()
}

/// The answer's body, which is never long.
async fn body_of(mut response: reqwest::Response) -> Result<String, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_MAX {
            return Err(format!("the answer has more than {ANSWER_MAX} bytes: it is not one of Leadgate's").into());
        }
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// What each field of an answer means. Only what is there and isn't zero is explained.
fn explained(answer: &str) -> Vec<String> {
    let Ok(Value::Object(fields)) = serde_json::from_str::<Value>(answer) else { return Vec::new() };
    let line = |(name, value): (&String, &Value)| {
        let meaning = MEANINGS.iter().find(|(field, _)| field == name)?.1;
        (value.as_u64() != Some(0)).then(|| format!("{name}: {meaning}"))
    };
    let results = fields.get("result").and_then(Value::as_str);
    let result = RESULTS.iter().find(|(word, _)| Some(*word) == results).map(|(word, what)| format!("{word}: {what}"));
    fields.iter().filter_map(line).chain(result).collect()
}

/// More than any answer of ours has.
const ANSWER_MAX: usize = 64 * 1024;
/// What the fields of the CRM's webhook count.
const MEANINGS: [(&str, &str); 11] = [
    ("events", "events in the delivery"),
    ("queued", "requests that were put on the queue, for the worker"),
    ("repeated", "events for a record that another event of the delivery is for as well"),
    ("fresh", "events dropped, because the record was enriched within the freshness window"),
    ("in_flight", "events dropped, because the record is being worked on, or waits for credits"),
    ("echo", "events dropped, because they report what Leadgate wrote itself"),
    ("erased", "privacy deletions, and events about persons whose data was deleted"),
    ("deleted", "contacts that were deleted in the CRM: what is known of the person is forgotten"),
    ("other", "events that Leadgate doesn't act on"),
    ("unreadable", "events left out, because they can't be read; the log says why"),
    ("error", "why the delivery was not accepted"),
];
/// What the words of the provider's webhook mean.
const RESULTS: [(&str, &str); 2] = [
    ("queued", "the worker will ask the provider for the result"),
    ("nothing-awaited", "it was delivered before, or is not waited for any longer"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_can_be_sent_or_names_what_runs_it() {
        let events = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
        let mut tried = 0;
        for folder in std::fs::read_dir(events).expect("readable") {
            let folder = folder.expect("a folder").path();
            let function = folder.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
            for file in std::fs::read_dir(folder).expect("readable") {
                let file = file.expect("a file").path();
                match event_of(&file) {
                    Ok(_) => assert!(function.ends_with("webhook"), "{} is no webhook's", file.display()),
                    Err(error) => {
                        let command = format!("cargo lambda invoke {function} --data-file");
                        assert!(error.to_string().contains(&command), "{}: {error}", file.display());
                    }
                }
                tried += 1;
            }
        }
        assert!(tried > 20, "{tried} files");
    }

    #[test]
    fn an_address_has_a_scheme_and_no_path() {
        assert_eq!(address("http://127.0.0.1:8787/").expect("an address"), "http://127.0.0.1:8787");
        for wrong in ["127.0.0.1:8787", "localhost", "ftp://localhost", "http://localhost/hubspot/demo", "http://"] {
            let error = address(wrong).expect_err(wrong).to_string();
            assert!(error.contains("expected an address"), "{error}");
        }
    }

    #[test]
    fn what_is_answered_is_explained() {
        let lines = explained(r#"{"events":1,"queued":1,"fresh":0}"#);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert_eq!(explained(r#"{"result":"nothing-awaited"}"#).len(), 1);
        assert!(explained("no JSON").is_empty());
    }
}
