//! The two environment variables by which a driver mutates orderings, one process a mutant.
//!
//! | variable | effect |
//! |---|---|
//! | `BIFROST_ORD_LIST=FILE` | appends a line `SITE<TAB>MODEL<TAB>WEAKER ORDERINGS` for each site that a model reached |
//! | `BIFROST_ORD_MUTANT=src/ring/job_ring.rs:16:77:store=Relaxed` | weakens that one site |
//!
//! The driver is the binary `mutants`.

use bifrost::sync::atomic::mutant::{self, Mutant};
use bifrost::sync::atomic::site;
use std::fs::OpenOptions;
use std::io::Write;
use std::sync::OnceLock;

/// Weakens the site that the environment names, once a process; `true` if there is one.
pub(crate) fn arm() -> bool {
    static ARMED: OnceLock<bool> = OnceLock::new();
    *ARMED.get_or_init(|| {
        let Ok(text) = std::env::var("BIFROST_ORD_MUTANT") else { return false };
        let mutant: Mutant = match text.parse() {
            Ok(mutant) => mutant,
            Err(error) => panic!("BIFROST_ORD_MUTANT: {error}"),
        };
        mutant::set_mutant(Some(mutant));
        true
    })
}

/// Appends what `model` reached to the list that the environment names.
pub(crate) fn list(model: &str) {
    let line = |site: &site::Site| {
        let weaker: Vec<String> =
            site.weakenings().iter().map(|ordering| format!("{ordering:?}")).collect();
        format!("{site}\t{model}\t{}\n", weaker.join(" "))
    };
    let mut reached: Vec<String> = site::drain().iter().map(line).collect();
    reached.sort();
    let Ok(path) = std::env::var("BIFROST_ORD_LIST") else { return };
    let written = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(reached.concat().as_bytes()));
    if let Err(error) = written {
        panic!("BIFROST_ORD_LIST={path}: {error}");
    }
}
