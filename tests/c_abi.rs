//! The C ABI from the outside: C programs against the library that this test builds, plain and with
//! sanitizers. Without a C compiler it fails: nothing is skipped.

#![cfg(unix)]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

const STRICT: [&str; 5] = ["-Wall", "-Wextra", "-pedantic", "-Werror", "-g"];
const PLAIN: &[&str] = &[];
const SANITIZED: &[&str] =
    &["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a command to its end, which must be a good one.
fn run(command: &mut Command) -> Output {
    let shown = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| {
        panic!("{shown}: {error}\nThe tests of the C ABI need cc, c++ and nm: run `make setup`")
    });
    assert!(
        output.status.success(),
        "{shown}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    output
}

/// The directory with the libraries, built without HTTP once a run. They have a target directory of their
/// own: the one around this test is locked by the cargo that runs it.
fn libraries() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let outer = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("below the target");
        let target = outer.join("c-abi");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(root()).env("CARGO_TARGET_DIR", &target).env_remove("RUSTFLAGS");
        run(cargo.args(["build", "--locked", "-p", "bifrost-capi", "--no-default-features"]));
        target.join("debug")
    })
}

/// Compiles a program against the static library.
fn compile(source: &str, standard: &str, flags: &[&str]) -> PathBuf {
    let stem = Path::new(source).file_stem().and_then(OsStr::to_str).expect("a name");
    let kind = if flags.is_empty() { "plain" } else { "sanitized" };
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{stem}-{kind}"));
    let mut cc = Command::new("cc");
    cc.current_dir(root()).arg(standard).args(STRICT).args(flags);
    cc.args(["-D_POSIX_C_SOURCE=200809L", "-DBIFROST_STATIC", "-Iinclude", "-Itests/c", source]);
    cc.arg(libraries().join("libbifrost.a")).args(["-lpthread", "-ldl", "-lm", "-o"]).arg(&program);
    run(&mut cc);
    program
}

/// Compiles a program in both ways and runs it; what the plain one printed.
fn both_ways(source: &str, standard: &str) -> String {
    let program = compile(source, standard, SANITIZED);
    let symbols = run(Command::new("nm").arg(&program)).stdout;
    let symbols = String::from_utf8_lossy(&symbols);
    assert!(symbols.contains("__asan_init"), "{source} is not instrumented");
    run(&mut Command::new(program));
    let output = run(&mut Command::new(compile(source, standard, PLAIN)));
    String::from_utf8(output.stdout).expect("programs print UTF-8")
}

/// Each program of tests/c is a test of its name.
macro_rules! programs {
    ($($name:ident: $file:literal),* $(,)?) => {
        $(#[test]
        fn $name() {
            both_ways(concat!("tests/c/", $file), "-std=c11");
        })*

        #[test]
        fn every_program_of_tests_c_is_run() {
            let mut there: Vec<String> = std::fs::read_dir(root().join("tests/c"))
                .expect("the directory is there")
                .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
                .filter(|name| name.ends_with(".c"))
                .collect();
            there.sort();
            assert_eq!(there, [$($file),*]);
        }
    };
}

programs! {
    completions_are_polled_waited_for_and_signalled: "cq.c",
    the_door_refuses_what_it_says: "door.c",
    drop_is_called_exactly_once_on_every_path: "drops.c",
    a_forked_child_is_told_so: "fork.c",
    a_priority_is_a_lane: "lanes.c",
    null_and_nonsense_give_a_status: "nulls.c",
    words_pass_between_threads_in_their_order: "queue.c",
    frozen_structs_stay_and_others_grow: "sizes.c",
    many_threads_submit_and_no_job_ends_its_runtime: "threads.c",
    stale_tickets_are_no_job: "tickets.c",
}

#[test]
fn the_example_balances_its_ledger() {
    let printed = both_ways("examples/c/ledger.c", "-std=c99");
    assert!(printed.ends_with("the ledger balances\n"), "{printed}");
}

#[test]
fn the_example_of_the_readme_gives_the_answer() {
    let source = std::fs::read_to_string(root().join("examples/c/answer.c")).expect("it is there");
    let readme = std::fs::read_to_string(root().join("README.md")).expect("it is there");
    assert!(readme.contains(&format!("```c\n{source}```")), "the README shows another program");
    assert_eq!(both_ways("examples/c/answer.c", "-std=c99"), "job 1: ok, 42\n");
}

#[test]
fn the_header_is_clean_in_every_standard() {
    let c = ["-std=c99", "-std=c11", "-std=c17"].map(|standard| ("cc", "c", standard));
    let cpp = ["-std=c++11", "-std=c++17"].map(|standard| ("c++", "c++", standard));
    for (compiler, language, standard) in c.into_iter().chain(cpp) {
        let mut command = Command::new(compiler);
        command.current_dir(root()).args(STRICT).args([standard, "-Wundef", "-Wshadow", "-x"]);
        run(command.args([
            language,
            "-fsyntax-only",
            "include/bifrost.h",
            "-Wno-pragma-once-outside-header",
        ]));
    }
}

/// The libraries as `make lib` links them, out of the same build.
fn linked() -> &'static Path {
    static LINKED: OnceLock<PathBuf> = OnceLock::new();
    LINKED.get_or_init(|| {
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("linked");
        let mut link = Command::new("sh");
        link.current_dir(root()).arg("capi/link.sh").arg(libraries().join("libbifrost.a"));
        run(link.arg(&out).args(["libbifrost.so.0", env!("CARGO_PKG_VERSION")]));
        out
    })
}

fn printed(command: &mut Command) -> String {
    String::from_utf8(run(command).stdout).expect("programs print UTF-8")
}

#[test]
#[cfg(target_os = "linux")]
fn the_linked_library_has_a_soname_versions_and_no_other_symbol() {
    let library = linked().join("libbifrost.so");
    let dynamic = printed(Command::new("readelf").arg("-d").arg(&library));
    assert!(dynamic.contains("[libbifrost.so.0]"), "{dynamic}");
    assert!(dynamic.contains("NODELETE"), "{dynamic}");
    let listed = printed(Command::new("nm").args(["-D", "--defined-only"]).arg(&library));
    let functions = listed.lines().filter_map(|line| line.split(" T ").nth(1));
    let versioned: Vec<&str> =
        functions.filter_map(|name| name.strip_suffix("@@BIFROST_0")).collect();
    let golden =
        std::fs::read_to_string(root().join("abi/symbols.txt")).expect("the list is there");
    assert_eq!(versioned, golden.lines().collect::<Vec<_>>());
    assert_eq!(listed.lines().count(), versioned.len() + 1, "the functions and the node: {listed}");

    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ledger-shared");
    let mut cc = Command::new("cc");
    cc.current_dir(root())
        .args(["-std=c99", "-Iinclude", "examples/c/ledger.c", "-o"])
        .arg(&program);
    run(cc.arg("-L").arg(linked()).args(["-lbifrost"]));
    let shown = printed(Command::new(program).env("LD_LIBRARY_PATH", linked()));
    assert!(shown.ends_with("the ledger balances\n"), "{shown}");
}

#[test]
#[cfg(target_os = "linux")]
fn the_linked_archive_stands_beside_another_rust_library() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("neighbour");
    std::fs::create_dir_all(&dir).expect("a directory");
    let rust = "#[unsafe(no_mangle)]\npub extern \"C\" fn neighbour() -> i32 {\n    \
                i32::from(std::panic::catch_unwind(|| panic!(\"on purpose\")).is_err())\n}\n";
    let c = "#include \"check.h\"\nint neighbour(void);\nint main(void)\n{\n    \
             bifrost_runtime *runtime = new_runtime();\n    CHECK(neighbour() == 1);\n    \
             OK(bifrost_runtime_free(runtime));\n    return 0;\n}\n";
    std::fs::write(dir.join("neighbour.rs"), rust).expect("a file");
    std::fs::write(dir.join("main.c"), c).expect("a file");
    let mut rustc = Command::new("rustc");
    rustc.current_dir(&dir).args(["--edition=2024", "--crate-type=staticlib", "neighbour.rs"]);
    run(&mut rustc);
    let mut cc = Command::new("cc");
    cc.current_dir(&dir)
        .arg("-I")
        .arg(root().join("include"))
        .arg("-I")
        .arg(root().join("tests/c"));
    cc.args(["main.c", "libneighbour.a"]).arg(linked().join("libbifrost.a"));
    run(cc.args(["-lpthread", "-ldl", "-lm", "-o", "main"]));
    run(&mut Command::new(dir.join("main")));
}

#[test]
fn the_shared_library_exports_the_golden_list_and_nothing_else() {
    let library = libraries().join("libbifrost.so");
    let listed = run(Command::new("nm").args(["-D", "--defined-only"]).arg(library)).stdout;
    let listed = String::from_utf8(listed).expect("symbols are UTF-8");
    let mut names: Vec<&str> =
        listed.lines().filter_map(|line| line.split_whitespace().last()).collect();
    names.sort_unstable();
    let golden =
        std::fs::read_to_string(root().join("abi/symbols.txt")).expect("the list is there");
    assert_eq!(names, golden.lines().collect::<Vec<_>>());
}

#[test]
fn every_function_is_called_by_a_c_test() {
    let golden =
        std::fs::read_to_string(root().join("abi/symbols.txt")).expect("the list is there");
    let programs: String = std::fs::read_dir(root().join("tests/c"))
        .expect("the directory is there")
        .map(|entry| std::fs::read_to_string(entry.expect("an entry").path()).expect("readable"))
        .collect();
    let uncalled: Vec<&str> =
        golden.lines().filter(|name| !programs.contains(&format!("{name}("))).collect();
    assert!(uncalled.is_empty(), "no C test calls {uncalled:?}");
}
