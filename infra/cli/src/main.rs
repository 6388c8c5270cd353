//! `leadgate`: the whole system on one machine, and the operator's tool.

mod check;
mod credits;
mod demo;
mod local;
mod prove;
mod send;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use leadgate_lambda::telemetry::targets;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// A world on one machine asks for memory as its clients and its servers do: a fifth of its time with the system's own.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Enriches CRM leads without spending a credit twice or losing one.
#[derive(Parser)]
#[command(name = "leadgate", version, about, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Arguments),
    Local(local::Arguments),
    Send(send::Arguments),
    Check(check::Arguments),
    Prove(prove::Arguments),
    Credits(credits::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    end_quietly_when_nobody_reads();
    // Log lines go to standard error, and only when asked for: standard output is for results.
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    tracing_subscriber::registry().with(lines).with(targets(LevelFilter::OFF)).init();
    let done = match Arguments::parse().command {
        Command::Demo(arguments) => demo::run(&arguments).await,
        Command::Local(arguments) => local::run(&arguments).await,
        Command::Send(arguments) => send::run(&arguments).await,
        Command::Check(arguments) => check::run(&arguments).await,
        Command::Prove(arguments) => prove::run(&arguments).await,
        Command::Credits(arguments) => credits::run(&arguments).await,
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("leadgate: {error}");
            ExitCode::FAILURE
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

/// What goes wrong is told to a person.
type Outcome = Result<ExitCode, Box<dyn std::error::Error + Send + Sync>>;
