//! `include/bifrost.h` is what the sources say. `BLESS=1` rewrites it; nothing else does.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

const HEADER: &str = "include/bifrost.h";
const SYMBOLS: &str = "abi/symbols.txt";

/// The objects in the order of the header, each with its file.
const OBJECTS: [&str; 12] = [
    "version",
    "status",
    "last_error",
    "runtime",
    "provider",
    "cancel",
    "job",
    "submit",
    "job_ctx",
    "cq",
    "queue",
    "stats",
];

/// What the docs of each function must say.
const SAID: [&str; 6] =
    ["Parameters:", "Returns:", "Ownership:", "Thread safety:", "Blocking:", "Since:"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn source(object: &str) -> PathBuf {
    root().join("src/ffi").join(object).with_extension("rs")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The exported functions of an object.
fn functions(object: &str) -> Vec<String> {
    let text = read(&source(object));
    let names = text.split("extern \"C\" fn ").skip(1).filter_map(|rest| rest.split('(').next());
    names.filter(|name| name.starts_with("bifrost_")).map(str::to_owned).collect()
}

/// The first line of an object's file: its name and what it is.
fn title(object: &str) -> String {
    let text = read(&source(object));
    let line = text.lines().next().unwrap_or_default();
    line.trim_start_matches("//! ").trim_end_matches('.').to_owned()
}

fn contents() -> String {
    let mut text = String::from(
        "/*\n * libbifrost: the concurrency core for services that talk to many upstream providers.\n *\n \
         * Generated from src/ffi by tests/header_drift.rs; do not edit. docs/ABI.md has the policies.\n \
         *\n * Contents: version and macros, constants, types, and then the functions by object:\n",
    );
    for (i, object) in OBJECTS.iter().enumerate() {
        let _infallible = write!(text, " *\n * {}. {}\n", i + 1, title(object));
        for function in functions(object) {
            let _infallible = writeln!(text, " *      {function}");
        }
    }
    text.push_str(
        " *\n * Every function that returns a status returns BIFROST_OK or what went wrong, writes its \
         outputs\n * only when it succeeds unless it says otherwise, and turns null and numbers out of \
         range into\n * a status. No function of a handle works in a fork of the process that made it: \
         BIFROST_FORKED.\n */\n\n",
    );
    text
}

/// The header that the sources make.
fn generate() -> String {
    let config =
        cbindgen::Config::from_file(root().join("cbindgen.toml")).expect("a configuration");
    let mut builder = cbindgen::Builder::new().with_config(config);
    builder = builder.with_src(source("version")).with_src(root().join("src/code/status.rs"));
    for object in &OBJECTS[1..] {
        builder = builder.with_src(source(object));
    }
    let mut bytes = Vec::new();
    builder.generate().expect("the sources make a header").write(&mut bytes);
    let mut text = String::from_utf8(bytes).expect("a header is UTF-8");
    text = text
        .replace("@MAJOR@", env!("CARGO_PKG_VERSION_MAJOR"))
        .replace("@MINOR@", env!("CARGO_PKG_VERSION_MINOR"))
        .replace("@PATCH@", env!("CARGO_PKG_VERSION_PATCH"))
        .replace("BIFROST_STATUS_", "BIFROST_")
        .replace(" * # Safety\n *\n * ", " * Pointers: ");
    for (i, object) in OBJECTS.iter().enumerate() {
        let first = functions(object).into_iter().next().expect("an object has functions");
        let at = declaration(&text, &first);
        let comment = text[..at].rfind("/**").expect("a function is documented");
        let bar = "=".repeat(90);
        let heading = format!("/* {bar}\n * {}. {}\n */\n\n", i + 1, title(object));
        text.insert_str(comment, &heading);
    }
    contents() + &text
}

/// Where a function is declared.
fn declaration(header: &str, function: &str) -> usize {
    let call = format!("{function}(");
    let mut found = header.match_indices(&call);
    let declared = |at: usize| {
        let statement = header[..at].rfind("*/").map_or(0, |end| end + 2);
        header[statement..].trim_start().starts_with("BIFROST_API")
    };
    let at = found.find(|(at, _)| declared(*at)).map(|(at, _)| at);
    at.unwrap_or_else(|| panic!("{function} is not declared"))
}

/// Compares a committed file with what it should be, or rewrites it.
fn drift(path: &str, made: &str) {
    let file = root().join(path);
    if std::env::var_os("BLESS").is_some_and(|value| value == "1") {
        fs::create_dir_all(file.parent().expect("below the root")).expect("the directory is there");
        fs::write(&file, made).expect("the file can be written");
        return;
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    let (mut old, mut new) = (committed.lines(), made.lines());
    for line in 1.. {
        match (old.next(), new.next()) {
            (None, None) => break,
            (old, new) if old == new => {}
            (old, new) => panic!(
                "{path}:{line} is not what the sources make:\n- {}\n+ {}\nIf the change is meant, look \
                 at docs/ABI.md, and rewrite it: BLESS=1 cargo test --test header_drift",
                old.unwrap_or("(end)"),
                new.unwrap_or("(end)"),
            ),
        }
    }
}

#[test]
fn the_header_is_what_the_sources_make() {
    drift(HEADER, &generate());
}

#[test]
fn the_golden_list_has_every_function() {
    let mut symbols: Vec<String> = OBJECTS.iter().flat_map(|object| functions(object)).collect();
    symbols.sort();
    drift(SYMBOLS, &(symbols.join("\n") + "\n"));
}

#[test]
fn every_function_says_what_its_caller_must_know() {
    let header = generate();
    for function in OBJECTS.iter().flat_map(|object| functions(object)) {
        let at = declaration(&header, &function);
        let docs = &header[header[..at].rfind("/**").expect("a comment")..at];
        for said in SAID {
            assert!(
                docs.contains(&format!(" * {said} ")) || docs.contains(&format!(" * {said}\n")),
                "{function} does not say `{said}`:\n{docs}"
            );
        }
        let takes_pointers = header[at..].split(';').next().is_some_and(|args| args.contains('*'));
        assert_eq!(takes_pointers, docs.contains(" * Pointers: "), "{function}:\n{docs}");
    }
}
