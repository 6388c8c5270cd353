//! `leadgate`: the whole system on one machine, and the operator's tool.

mod backtest;
mod bakeoff;
mod books;
mod check;
mod credits;
mod crm;
#[cfg(feature = "sandbox")]
mod demo;
mod enrich;
mod erase;
mod feed;
mod journal;
#[cfg(feature = "sandbox")]
mod local;
mod preview;
#[cfg(feature = "sandbox")]
mod prove;
mod send;
mod tam;
mod terminal;
mod undo;

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use jiff::Timestamp;
use leadgate_lambda::telemetry::targets;
use serde_json::json;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Enriches CRM leads without spending a credit twice or losing one.
#[derive(Parser)]
#[command(name = "leadgate", version, about, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[cfg(feature = "sandbox")]
    Demo(demo::Arguments),
    #[cfg(feature = "sandbox")]
    Local(local::Arguments),
    Send(send::Arguments),
    Check(check::Arguments),
    #[cfg(feature = "sandbox")]
    Prove(prove::Arguments),
    Credits(credits::Arguments),
    Crm(crm::Arguments),
    Preview(preview::Arguments),
    Enrich(enrich::Arguments),
    Bakeoff(bakeoff::Arguments),
    Backtest(backtest::Arguments),
    Undo(undo::Arguments),
    Erase(erase::Arguments),
    Feed(feed::Arguments),
    Tam(tam::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    end_quietly_when_nobody_reads();
    // Log lines go to standard error, and only when asked for: standard output is for results.
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    tracing_subscriber::registry().with(lines).with(targets(LevelFilter::OFF)).init();
    let command = match command() {
        Ok(command) => command,
        Err(code) => return code,
    };
    let json = command.wants_json();
    let done = match command {
        #[cfg(feature = "sandbox")]
        Command::Demo(arguments) => demo::run(&arguments).await,
        #[cfg(feature = "sandbox")]
        Command::Local(arguments) => local::run(&arguments).await,
        Command::Send(arguments) => send::run(&arguments).await,
        Command::Check(arguments) => check::run(&arguments).await,
        #[cfg(feature = "sandbox")]
        Command::Prove(arguments) => prove::run(&arguments).await,
        Command::Credits(arguments) => credits::run(&arguments).await,
        Command::Crm(arguments) => crm::run(&arguments).await,
        Command::Preview(arguments) => preview::run(&arguments).await,
        Command::Enrich(arguments) => enrich::run(&arguments).await,
        Command::Bakeoff(arguments) => bakeoff::run(&arguments).await,
        Command::Backtest(arguments) => backtest::run(&arguments).await,
        Command::Undo(arguments) => undo::run(&arguments).await,
        Command::Erase(arguments) => erase::run(&arguments).await,
        Command::Feed(arguments) => feed::run(&arguments).await,
        Command::Tam(arguments) => tam::run(&arguments).await,
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            say(&error.to_string(), json);
            ExitCode::FAILURE
        }
    }
}

/// What was asked for. Help and complaints about how it was asked are set for the terminal.
fn command() -> Result<Command, ExitCode> {
    let width = terminal::width().map_or(terminal::HELP_WIDTH, usize::from).min(terminal::HELP_WIDTH);
    let matches = Arguments::command().term_width(width).try_get_matches();
    match matches.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => Ok(arguments.command),
        Err(error) if error.use_stderr() && (asks_for_json() || left_out(&error).is_some()) => {
            let said = left_out(&error).map(needs_sandbox);
            let said = said.unwrap_or_else(|| error.to_string().trim_start_matches("error: ").trim_end().to_owned());
            say(&said, asks_for_json());
            Err(ExitCode::FAILURE)
        }
        Err(error) => {
            // Standard error may be closed: the exit code says enough then.
            let _ = error.print();
            Err(ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1)))
        }
    }
}

fn asks_for_json() -> bool {
    std::env::args().any(|argument| argument == "--json")
}

/// The command that was asked for, if it is one of those that this build is without.
fn left_out(error: &clap::Error) -> Option<&str> {
    match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(name)) if !cfg!(feature = "sandbox") && IN_SANDBOX.contains(&name.as_str()) => {
            Some(name)
        }
        _ => None,
    }
}

/// The commands that need the world on one machine.
const IN_SANDBOX: [&str; 3] = ["demo", "local", "prove"];

fn needs_sandbox(command: &str) -> String {
    format!(
        "this build is without the sandbox, which `{command}` needs: run `cargo run -- {command}` in the repository"
    )
}

/// Says what went wrong: to a person, or to a script as one JSON object.
fn say(error: &str, json: bool) {
    if json {
        println!("{}", terminal::object(json!({ "error": error })));
    } else {
        eprintln!("leadgate: {error}");
    }
}

impl Command {
    fn wants_json(&self) -> bool {
        match self {
            #[cfg(feature = "sandbox")]
            Self::Demo(arguments) => arguments.json,
            Self::Check(arguments) => arguments.json,
            #[cfg(feature = "sandbox")]
            Self::Prove(arguments) => arguments.json,
            Self::Credits(arguments) => arguments.json,
            Self::Crm(arguments) => arguments.json,
            Self::Preview(arguments) => arguments.json,
            Self::Enrich(arguments) => arguments.json,
            Self::Bakeoff(arguments) => arguments.json,
            Self::Backtest(arguments) => arguments.json,
            Self::Undo(arguments) => arguments.json,
            Self::Erase(arguments) => arguments.json,
            Self::Feed(arguments) => arguments.json,
            Self::Tam(arguments) => arguments.json,
            Self::Send(arguments) => arguments.json,
            #[cfg(feature = "sandbox")]
            Self::Local(_) => false,
        }
    }
}

/// Whoever reads what we print may have read enough (`leadgate … | head`): that is no mishap.
fn end_quietly_when_nobody_reads() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload_as_str().is_some_and(|reason| reason.contains("Broken pipe")) {
            std::process::exit(0);
        }
        tell(panic);
    }));
}

#[expect(clippy::disallowed_methods, reason = "a command is given at the present")]
fn now() -> Timestamp {
    Timestamp::now()
}

/// Why something can't be done, for people.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How a command ended.
type Outcome = Result<ExitCode, Failure>;
