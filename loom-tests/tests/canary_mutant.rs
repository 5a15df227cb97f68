//! One ordering can be weakened at run time, and the model that needs it fails. A test of its own process,
//! because the mutant holds for all of it.
#![cfg(loom)]

use bifrost::sync::atomic::mutant::{self, Mutant};
use bifrost::sync::atomic::site::{self, Kind};
use bifrost::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use loom_tests::{Model, spawn};
use std::panic::catch_unwind;
use std::sync::Arc;

/// A message passed over a flag; gives the text of the failure if there is one.
fn message() -> Result<(), String> {
    let run = || {
        Model::new("message").witness("sent").run(|w| {
            let shared = Arc::new((AtomicU32::new(0), AtomicBool::new(false)));
            let theirs = Arc::clone(&shared);
            let task = spawn(move || {
                // ORDERING: Relaxed: the flag carries it.
                theirs.0.store(1, Ordering::Relaxed);
                // ORDERING: Release pairs with the Acquire below; this is the site that is weakened.
                theirs.1.store(true, Ordering::Release);
            });
            // ORDERING: Acquire, see above.
            if shared.1.load(Ordering::Acquire) {
                // ORDERING: Relaxed: the flag has carried it.
                assert_eq!(shared.0.load(Ordering::Relaxed), 1, "the message has come");
                w.saw("sent");
            }
            task.join();
        });
    };
    catch_unwind(run).map_err(|panic| panic.downcast_ref::<String>().cloned().unwrap_or_default())
}

#[test]
fn weakening_one_site_fails_the_model_that_needs_it() {
    assert_eq!(message(), Ok(()));
    let sites = site::sites();
    // ORDERING: named to find the sites, not used.
    let release =
        |site: &&site::Site| site.kind == Kind::Store && site.ordering == Ordering::Release;
    let store = sites.iter().find(release).expect("the store of the flag is listed");
    assert_eq!(store.file, "loom-tests/tests/canary_mutant.rs");
    // ORDERING: named to compare, not used.
    assert_eq!(store.weakenings(), [Ordering::Relaxed]);

    let text = store.to_string().replace("Release", "Relaxed");
    let mutant: Mutant = text.parse().expect("a site with another ordering is a mutant");
    mutant::set_mutant(Some(mutant));
    let failure = message().expect_err("the model needs the Release");
    assert!(failure.contains("the message has come"), "{failure}");
    assert!(mutant::mutant_applied() > 0);

    mutant::set_mutant(None);
    assert_eq!(message(), Ok(()));
}

#[test]
fn what_is_not_a_mutant_says_so() {
    for text in ["", "a.rs", "a.rs:1:2:store", "a.rs:1:2:save=Relaxed", "a.rs:1:2:store=None"] {
        let error = text.parse::<Mutant>().expect_err("not a mutant");
        assert!(error.to_string().ends_with(&format!("{text:?}")), "{error}");
    }
}
