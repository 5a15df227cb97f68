//! From the command line to an exit status.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::path::Path;
use std::time::Duration;

use bifrost::Error;
use bifrost::config::{Config, OverflowPolicy};

use super::batch::{self, Finished, Input};
use super::output::Output;
use super::route::Router;
use crate::engine::Engine;
use crate::{Exit, RunArgs};

/// How long a job that has a worker may wait for its place in the queue.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// Runs the jobs of a file. Everything that can be wrong beforehand is found before a request is sent.
pub(crate) fn run(args: &RunArgs) -> Exit {
    match prepared(args) {
        Ok(exit) => exit,
        Err((exit, message)) => {
            eprintln!("bifrost: {message}");
            exit
        }
    }
}

type Failure = (Exit, String);

fn prepared(args: &RunArgs) -> Result<Exit, Failure> {
    let usage = |message: String| (Exit::Usage, message);
    if args.output == Path::new("-") {
        let problem = "the results need a file; standard output has the summary";
        return Err(usage(format!("-o -: {problem}")));
    }
    let config = Config::load(&args.config).map_err(|error| usage(error.to_string()))?;
    let addressless = config.providers.iter().find(|provider| provider.base_url.is_none());
    if let Some(provider) = addressless {
        let (file, name) = (args.config.display(), &provider.name);
        let problem = format!("missing; bifrost run sends HTTP requests and needs it of {name:?}");
        return Err(usage(format!("{file}: providers.{name}.base_url: {problem}")));
    }
    for warning in &config.warnings {
        eprintln!("bifrost: warning: {warning}");
    }
    let names = config.providers.iter().map(|provider| provider.name.clone()).collect();
    let router = Router::new(names, args.provider.as_deref()).map_err(usage)?;
    let input = open(&args.jobs)
        .map_err(|error| usage(format!("{}: cannot be read ({error})", args.jobs.display())))?;
    let results = args.output.display();
    let output = Output::create(&args.output).map_err(|error| match error.kind() {
        _ if args.output.metadata().is_ok_and(|it| !it.is_file()) => {
            let problem = "not a regular file; the results need one that does not exist yet";
            (Exit::Usage, format!("{results}: {problem}"))
        }
        ErrorKind::AlreadyExists => {
            (Exit::Usage, format!("{results}: exists already; results are not written over"))
        }
        _ => (Exit::Output, format!("{results}: cannot be written ({error})")),
    })?;
    let grace = config.runtime.shutdown_timeout;
    let workers: Vec<_> = config.providers.iter().map(|provider| provider.workers.max).collect();
    let engine = start(config, &args.config).inspect_err(|_| output.discard(&args.output))?;
    let finished = batch::run(engine, &workers, grace, router, input, output)
        .map_err(|error| (Exit::Failed, format!("the run could not start ({error})")))?;
    Ok(conclude(finished, args))
}

fn start(mut config: Config, file: &Path) -> Result<Engine, Failure> {
    for provider in &mut config.providers {
        // A batch that waits for a worker is no overload, and none of it is to be lost to a full queue.
        provider.overflow = OverflowPolicy::Block(PATIENCE);
    }
    let engine = Engine::start(config.runtime, config.providers).map_err(|error| {
        let exit = if matches!(error, Error::Thread(_)) { Exit::Failed } else { Exit::Usage };
        (exit, format!("{}: {error}", file.display()))
    })?;
    for (name, state) in engine.unready() {
        eprintln!("bifrost: warning: provider {name}: {state}; its health check failed");
    }
    Ok(engine)
}

fn open(path: &Path) -> io::Result<Input> {
    let reader: Box<dyn BufRead + Send> = match path == Path::new("-") {
        true => Box::new(BufReader::new(io::stdin())),
        false => {
            let file = File::open(path)?;
            if file.metadata()?.is_dir() {
                return Err(ErrorKind::IsADirectory.into());
            }
            Box::new(BufReader::new(file))
        }
    };
    Ok(Input { name: path.display().to_string(), reader })
}

fn conclude(finished: Finished, args: &RunArgs) -> Exit {
    // Whoever closed the output does not want to see it; the exit status says the rest.
    let _closed = io::stdout().write_all(finished.summary.render().as_bytes());
    if let Err(error) = &finished.input {
        eprintln!("bifrost: {}: could not be read to its end ({error})", args.jobs.display());
    }
    if let Err(error) = finished.output {
        eprintln!("bifrost: {}: cannot be written ({error})", args.output.display());
        return Exit::Output;
    }
    if let Some(rest) = finished.interrupted {
        eprintln!("bifrost: interrupted; {rest}");
        return Exit::Interrupted;
    }
    if finished.summary.all_completed() && finished.input.is_ok() { Exit::Ok } else { Exit::Failed }
}
