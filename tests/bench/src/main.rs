//! What the functions cost: the executables that are deployed, run as Lambda runs them, on one machine.
//!
//! Each is started against a runtime API on loopback and given deliveries, one after another, while DynamoDB, SQS and
//! Secrets Manager are served beside it. Only the CPU of the function's own process counts, so that what stands beside it
//! doesn't. Machines differ, and so do moments: compare what one run says of several.
//!
//! `cargo build --release -p crm-webhook -p enrichment-worker && cargo run -p leadgate-bench`

mod aws;
mod delivery;
mod process;
mod runtime_api;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use leadgate_enrichment::clock::Clock;
use leadgate_lambda::clock::SystemClock;
use leadgate_sandbox::world::{Settings, World};
use serde_json::{Value, json};

use crate::aws::Aws;
use crate::delivery::Deliveries;
use crate::process::{Function, Spent};

/// What can go wrong: a file that isn't there, a process that ends.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Measures what the functions cost: how long the first start takes, and the CPU of a delivery.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The folder with the functions' executables.
    #[arg(long, default_value = "target/release")]
    functions: PathBuf,
    /// Another folder with them, of an earlier build, to be compared with in the same run.
    #[arg(long)]
    before: Option<PathBuf>,
    /// A Python with the packages of `tests/bench/peer/requirements.txt`, to be compared with in the same run: the same
    /// deliveries, verified and queued by a handler on Powertools.
    #[arg(long)]
    peer: Option<PathBuf>,
    /// How many deliveries are measured, after a tenth as many that aren't.
    #[arg(long, default_value_t = 2000)]
    deliveries: usize,
    /// How many events a delivery holds.
    #[arg(long, default_value_t = 14)]
    events: usize,
    /// How many first starts are measured.
    #[arg(long, default_value_t = 11)]
    starts: usize,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// What was measured of one function.
struct Measured {
    name: String,
    /// From the start of the process until it asks for its first event: the median.
    init: Duration,
    init_cpu: Duration,
    /// For each delivery.
    cpu: Duration,
    /// The largest that the process has been.
    peak_bytes: u64,
    /// The executable, and packed as it is uploaded. None of a peer.
    size: Option<(u64, u64)>,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    let settings = Settings::default();
    let signing_secret = settings.signing_secret.clone();
    let world = World::start(settings).await?;
    let aws = Aws::serve(&world.url, signing_secret).await?;
    let mut measured = Vec::new();
    let builds = [("now", Some(&arguments.functions)), ("before", arguments.before.as_ref())];
    for (build, folder) in builds {
        let Some(folder) = folder else { continue };
        eprintln!("measuring crm-webhook ({build}) …");
        let door = folder.join("crm-webhook");
        let function = Function::executable(&door, &aws)?;
        measured.push(measure(&format!("crm-webhook, {build}"), &function, &aws, &arguments, Some(&door)).await?);
        let worker = folder.join("enrichment-worker");
        if worker.exists() {
            eprintln!("measuring enrichment-worker ({build}) …");
            let function = Function::executable(&worker, &aws)?;
            measured.push(starts(&format!("enrichment-worker, {build}"), &function, &arguments, &worker).await?);
        }
    }
    if let Some(python) = &arguments.peer {
        eprintln!("measuring the peer …");
        let function = Function::python(python, &aws)?;
        measured.push(measure("Python with Powertools", &function, &aws, &arguments, None).await?);
    }
    show(&measured, &arguments);
    Ok(())
}

/// By the machine's clock, in milliseconds: the functions go by it.
pub(crate) fn now() -> i64 {
    SystemClock::default().now().as_millisecond()
}

/// First starts and deliveries.
async fn measure(
    name: &str,
    function: &Function,
    aws: &Aws,
    arguments: &Arguments,
    executable: Option<&Path>,
) -> Result<Measured, Failure> {
    let (init, init_cpu) = first_starts(function, arguments.starts).await?;
    let mut deliveries = Deliveries::new(aws, arguments.events);
    let running = function.start().await?;
    for _ in 0..arguments.deliveries.div_ceil(10) {
        running.invoke(deliveries.next_one()).await?;
    }
    let before = running.spent()?;
    for _ in 0..arguments.deliveries {
        running.invoke(deliveries.next_one()).await?;
    }
    let Spent { cpu, peak_bytes } = running.spent()?;
    let cpu = (cpu - before.cpu) / u32::try_from(arguments.deliveries.max(1))?;
    let size = executable.map(size).transpose()?;
    Ok(Measured { name: name.to_owned(), init, init_cpu, cpu, peak_bytes, size })
}

/// First starts alone.
async fn starts(name: &str, function: &Function, arguments: &Arguments, file: &Path) -> Result<Measured, Failure> {
    let (init, init_cpu) = first_starts(function, arguments.starts).await?;
    let peak_bytes = function.start().await?.spent()?.peak_bytes;
    let (name, size) = (name.to_owned(), Some(size(file)?));
    Ok(Measured { name, init, init_cpu, cpu: Duration::ZERO, peak_bytes, size })
}

/// The medians of so many first starts: how long they took, and their CPU.
async fn first_starts(function: &Function, count: usize) -> Result<(Duration, Duration), Failure> {
    let (mut times, mut cpus) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for _ in 0..count.max(1) {
        let running = function.start().await?;
        times.push(running.init);
        cpus.push(running.spent()?.cpu);
    }
    times.sort_unstable();
    cpus.sort_unstable();
    Ok((times[times.len() / 2], cpus[cpus.len() / 2]))
}

/// How large an executable is, and how large packed as a ZIP packs it.
fn size(file: &Path) -> Result<(u64, u64), Failure> {
    let bytes = fs::read(file)?;
    let mut packed = DeflateEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&bytes)?;
    Ok((u64::try_from(bytes.len())?, u64::try_from(packed.finish()?.len())?))
}

fn show(measured: &[Measured], arguments: &Arguments) {
    let millis = |time: Duration| (time.as_secs_f64() * 10_000.0).round() / 10.0;
    let micros = |time: Duration| (time.as_secs_f64() * 1_000_000.0).round();
    let megabytes = |bytes: u64| (bytes as f64 / 100_000.0).round() / 10.0;
    let first = measured.first().map_or(Duration::ZERO, |first| first.cpu);
    let times = |it: &Measured| (it.cpu.as_secs_f64() / first.as_secs_f64() * 10.0).round() / 10.0;
    if arguments.json {
        let rows: Vec<Value> = measured
            .iter()
            .map(|it| {
                json!({
                    "function": it.name, "init_ms": millis(it.init), "init_cpu_ms": millis(it.init_cpu),
                    "cpu_us_per_delivery": micros(it.cpu), "peak_mb": megabytes(it.peak_bytes),
                    "executable_bytes": it.size.map(|it| it.0), "packed_bytes": it.size.map(|it| it.1),
                })
            })
            .collect();
        println!("{}", json!({ "events_per_delivery": arguments.events, "functions": rows }));
        return;
    }
    println!("deliveries of {} events; medians of {} starts", arguments.events, arguments.starts);
    println!("| function | init ms | of that CPU ms | CPU µs per delivery | times | peak MB | bytes | packed |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for it in measured {
        let (init, init_cpu, peak) = (millis(it.init), millis(it.init_cpu), megabytes(it.peak_bytes));
        let (cpu, ratio) = match it.cpu.is_zero() {
            true => ("-".to_owned(), "-".to_owned()),
            false => (micros(it.cpu).to_string(), times(it).to_string()),
        };
        let (bytes, packed) = it
            .size
            .map_or((String::from("-"), String::from("-")), |(bytes, packed)| (bytes.to_string(), packed.to_string()));
        println!("| {} | {init} | {init_cpu} | {cpu} | {ratio} | {peak} | {bytes} | {packed} |", it.name);
    }
}
