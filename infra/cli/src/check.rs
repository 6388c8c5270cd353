//! `leadgate check`: is a configuration right?

use std::path::PathBuf;
use std::process::ExitCode;

use leadgate_enrichment::config::Config;
use leadgate_lambda::env::{EnvironmentError, read_config};
use serde_json::json;

use crate::Outcome;

/// Check a configuration file, and say what is wrong with it.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The file to check.
    #[arg(default_value = "infra/leadgate.toml")]
    file: PathBuf,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let name = arguments.file.display().to_string();
    match read_config(&arguments.file) {
        Ok(config) if arguments.json => {
            println!("{}", json!({ "file": name, "ok": true, "tenants": tenants(&config) }))
        }
        Ok(config) => println!("{name} is good: {}.", describe(&config)),
        Err(EnvironmentError::Wrong { source, .. }) => {
            let problems = source.problems;
            if arguments.json {
                let problems = problems.iter().map(|problem| json!({ "path": problem.path, "problem": problem.what }));
                println!("{}", json!({ "file": name, "ok": false, "problems": problems.collect::<Vec<_>>() }));
            } else {
                println!("{name} has {} problem(s):", problems.len());
                problems.iter().for_each(|problem| println!("  {problem}"));
            }
            return Ok(ExitCode::FAILURE);
        }
        Err(error) => return Err(error.into()),
    }
    Ok(ExitCode::SUCCESS)
}

fn tenants(config: &Config) -> Vec<&str> {
    config.tenants.keys().map(leadgate_enrichment::ids::TenantId::as_str).collect()
}

fn describe(config: &Config) -> String {
    let fields: usize = config.tenants.values().map(|tenant| tenant.fields.len()).sum();
    format!("tenants {}, {} prices, {fields} mapped fields", tenants(config).join(", "), config.prices.len())
}
