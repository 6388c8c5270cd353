//! `leadgate send`: sign an event file for now, and post it.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use leadgate_connectors::crm::hubspot::signature::sign_v3;
use leadgate_connectors::secret::Secret;
use leadgate_tests::event_file::{EventFile, SIGNED_WHEN_SENT};
use leadgate_tests::world::SIGNING_SECRET;
use serde_json::Value;

use crate::Outcome;
use crate::local::now;

/// Sign an event file (as in events/) for the present moment and post it, to `leadgate local` or anywhere else.
///
/// A signature header that says "signed when sent" is made; any other is sent as it stands in the file.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A whole Lambda event of an HTTP API.
    file: PathBuf,
    /// Where to post it, without the path: the event has that.
    #[arg(long, default_value = "http://127.0.0.1:8787")]
    to: String,
    /// The public URL that is signed, if it differs from where it is posted.
    #[arg(long)]
    signed_url: Option<String>,
    /// What signs it.
    #[arg(long, env = "LEADGATE_SIGNING_SECRET", default_value = SIGNING_SECRET, hide_env_values = true)]
    secret: String,
}

const TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) async fn run(arguments: &Arguments) -> Outcome {
    let name = arguments.file.display();
    let text = fs::read_to_string(&arguments.file).map_err(|error| format!("{name} can't be read: {error}"))?;
    let event = EventFile::parse(&text).map_err(|error| format!("{name} is not an event of an HTTP API: {error}"))?;
    let to = arguments.to.trim_end_matches('/');
    let url = format!("{to}{}", event.path);
    let signed_url = arguments.signed_url.as_ref().unwrap_or(&url);
    let http = leadgate_connectors::http::client();
    let timestamp = world_time(&http, to).await.unwrap_or_else(|| now().as_millisecond());
    let secret = Secret::new(arguments.secret.clone());
    let signature = sign_v3(&secret, &event.method, signed_url, &event.body, timestamp);

    let mut request = http.request(event.method.parse()?, &url).timeout(TIMEOUT).body(event.body);
    for (header, value) in &event.headers {
        let value = match (header.as_str(), value.as_str()) {
            ("x-hubspot-signature-v3", SIGNED_WHEN_SENT) => &signature,
            ("x-hubspot-request-timestamp", SIGNED_WHEN_SENT) => &timestamp.to_string(),
            ("content-length" | "host", _) => continue,
            _ => value,
        };
        request = request.header(header, value);
    }
    let response = request.send().await.map_err(|error| format!("{url} could not be reached: {error}"))?;
    let status = response.status();
    println!("{status} {}", response.text().await?);
    Ok(if status.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The local world's clock may have been turned; anybody else goes by the present.
async fn world_time(http: &reqwest::Client, to: &str) -> Option<i64> {
    let answer = http.get(format!("{to}/simulators/clock")).timeout(TIMEOUT).send().await.ok()?;
    answer.json::<Value>().await.ok()?.get("now_ms")?.as_i64()
}
