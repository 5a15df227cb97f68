//! `docs/CONFIG.md` and the option table say the same.
//!
//! `BLESS=1 cargo test --test config_docs` writes the tables of the document anew; the text around them is by hand.
#![cfg(feature = "config")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use bifrost::config::{Config, OptionInfo, Scope, options};

fn document() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/CONFIG.md")
}

fn row(option: &OptionInfo) -> String {
    let default = if option.default.is_empty() { "none" } else { &option.default };
    let advised = option.advised.as_deref().unwrap_or_default();
    let cells = [option.name, option.doc, default, &option.range, advised];
    let [name, doc, default, range, advised] = cells.map(|cell| cell.replace('|', "\\|"));
    format!("| `{name}` | {doc} | {default} | {range} | {advised} |\n")
}

fn table(scope: Scope) -> String {
    let mut text = String::from("\n| option | what it is | default | range | advised |\n");
    text.push_str("|---|---|---|---|---|\n");
    for option in options().filter(|option| option.scope == scope) {
        text.push_str(&row(&option));
    }
    text
}

/// The document with the table between each pair of markers replaced by what the code says.
fn regenerated(text: &str) -> String {
    let scopes = [
        ("runtime", Scope::Runtime),
        ("providers", Scope::Provider),
        ("breaker", Scope::Breaker),
        ("keys", Scope::Key),
        ("tenants", Scope::Tenant),
    ];
    let mut result = text.to_owned();
    for (name, scope) in scopes {
        let (begin, end) = (format!("<!-- {name} begin -->\n"), format!("\n<!-- {name} end -->"));
        let start = result.find(&begin).expect("the document has the marker") + begin.len();
        let stop = start + result[start..].find(&end).expect("the document has the end marker");
        result.replace_range(start..stop, &table(scope));
    }
    result
}

#[test]
fn the_document_has_the_options_of_the_code() {
    let text = std::fs::read_to_string(document()).expect("the document is there");
    let expected = regenerated(&text);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(document(), expected).expect("the document can be written");
        return;
    }
    assert!(
        text == expected,
        "docs/CONFIG.md differs from the option table; run BLESS=1 cargo test --test config_docs"
    );
}

#[test]
fn the_examples_of_the_document_are_valid() {
    let text = std::fs::read_to_string(document()).expect("the document is there");
    let mut seen = 0;
    for (fence, json) in [("```toml\n", false), ("```json\n", true)] {
        for example in text.split(fence).skip(1) {
            let example = example.split("```").next().expect("split gives one part at least");
            // The variable of the examples need not be set where the tests run; this one is.
            let example = example.replace("OPENAI_API_KEY", "CARGO_MANIFEST_DIR");
            let read = if json { Config::from_json } else { Config::from_toml };
            let config = read(&example, "example").expect("the example is valid");
            assert!(config.warnings.is_empty(), "{:?}", config.warnings);
            seen += 1;
        }
    }
    assert_eq!(seen, 2);
}

#[test]
fn a_file_is_read_by_its_extension_and_keys_beside_it() {
    let mut dir = std::env::temp_dir();
    write!(dir.as_mut_os_string(), "/bifrost-config-{}", std::process::id()).expect("it takes it");
    std::fs::create_dir_all(&dir).expect("the directory can be made");
    let write = |name: &str, text: &[u8]| {
        std::fs::write(dir.join(name), text).expect("the file can be written");
        dir.join(name)
    };
    write("key", b"sk-from-file\n");
    let toml = b"[[providers.a.keys]]\nname = \"k\"\nfile = \"key\"\n";
    let json = br#"{"providers": {"a": {"keys": [{"name": "k", "file": "key"}]}}}"#;
    let marked = |text: &[u8]| [b"\xef\xbb\xbf", text].concat();
    for path in [
        write("a.toml", toml),
        write("a.json", json),
        write("m.toml", &marked(toml)),
        write("m.json", &marked(json)),
    ] {
        let config = Config::load(&path).expect("the file is valid");
        assert_eq!(config.providers[0].keys[0].secret.expose(), "sk-from-file");
    }
    let cases = [
        (write("a.yaml", b""), "the extension is unknown; a file that ends with .toml or .json"),
        (dir.join("none.toml"), "cannot be read (No such file or directory (os error 2))"),
        (write("b.toml", b"\xff"), "cannot be read (stream did not contain valid UTF-8)"),
    ];
    for (path, problem) in cases {
        let error = Config::load(&path).expect_err("the file is bad");
        assert_eq!(error.to_string(), format!("{}: {problem}", path.display()));
    }
    std::fs::remove_dir_all(&dir).expect("the directory is there");
}
