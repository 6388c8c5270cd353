//! A function's process, and what it has spent.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::{Child, Command};

use crate::Failure;
use crate::aws::Aws;
use crate::runtime_api::RuntimeApi;

/// How a function is started.
pub(crate) struct Function {
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
}

/// A function that has asked for its first event.
pub(crate) struct Running {
    child: Child,
    api: RuntimeApi,
    /// From its start until it asked.
    pub(crate) init: Duration,
}

/// What a process has spent since it was started.
pub(crate) struct Spent {
    /// On all its threads.
    pub(crate) cpu: Duration,
    pub(crate) peak_bytes: u64,
}

impl Function {
    /// An executable that is deployed.
    pub(crate) fn executable(file: &Path, aws: &Aws) -> Result<Self, Failure> {
        if !file.exists() {
            let shown = file.display();
            return Err(
                format!("{shown} isn't there: cargo build --release -p crm-webhook -p enrichment-worker").into()
            );
        }
        Ok(Self { program: file.into(), arguments: Vec::new(), environment: aws.environment() })
    }

    /// The peer, run by this Python.
    pub(crate) fn python(python: &Path, aws: &Aws) -> Result<Self, Failure> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("peer");
        let mut environment = aws.environment();
        environment.push(("LAMBDA_TASK_ROOT".to_owned(), folder.display().to_string()));
        environment.push(("PYTHONPATH".to_owned(), folder.display().to_string()));
        environment.push(("_HANDLER".to_owned(), "door.handler".to_owned()));
        let arguments = ["-m", "awslambdaric", "door.handler"].map(OsString::from).to_vec();
        Ok(Self { program: python.into(), arguments, environment })
    }

    /// Starts it, and waits until it asks for an event.
    pub(crate) async fn start(&self) -> Result<Running, Failure> {
        let api = RuntimeApi::serve().await?;
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear().envs(self.environment.iter().cloned());
        command.env("AWS_LAMBDA_RUNTIME_API", &api.address).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        let began = Instant::now();
        let child = command.spawn()?;
        let init = api.first_asked().await?.duration_since(began);
        Ok(Running { child, api, init })
    }
}

impl Running {
    /// Has it work on an event. An answer of an HTTP API other than 200 is a failure.
    pub(crate) async fn invoke(&self, event: Value) -> Result<(), Failure> {
        let answer = self.api.invoke(&event).await?;
        match answer["statusCode"].as_u64() {
            Some(200) => Ok(()),
            _ => Err(format!("the function answered {answer}").into()),
        }
    }

    /// What it has spent. Linux tells the CPU of each thread in nanoseconds.
    pub(crate) fn spent(&self) -> Result<Spent, Failure> {
        let folder = format!("/proc/{}", self.child.id().ok_or("the function has ended")?);
        let mut cpu = Duration::ZERO;
        for task in fs::read_dir(format!("{folder}/task"))? {
            let told = fs::read_to_string(task?.path().join("schedstat"))?;
            let nanoseconds: u64 = told.split(' ').next().unwrap_or_default().parse()?;
            cpu += Duration::from_nanos(nanoseconds);
        }
        let status = fs::read_to_string(format!("{folder}/status"))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        let kilobytes: u64 = peak.trim().trim_end_matches(" kB").trim().parse()?;
        Ok(Spent { cpu, peak_bytes: kilobytes * 1024 })
    }
}
