//! From a text or a file to a configuration.

use std::path::Path;

use super::super::{Config, ConfigError};
use super::read::Reader;
use super::tree::Node;
use super::{json, toml};

pub(in super::super) fn from_toml(text: &str, file: &str) -> Result<Config, ConfigError> {
    read(&toml::parse(text).map_err(|error| at_file(error, file))?, file)
}

pub(in super::super) fn from_json(text: &str, file: &str) -> Result<Config, ConfigError> {
    read(&json::parse(text).map_err(|error| at_file(error, file))?, file)
}

pub(in super::super) fn load(path: &Path) -> Result<Config, ConfigError> {
    let file = path.display().to_string();
    let whole = |problem: String, expected: &str| {
        let error = ConfigError::new("", problem).expected(expected);
        at_file(error, &file)
    };
    let parse = match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => from_toml,
        Some("json") => from_json,
        _ => {
            return Err(whole(
                "the extension is unknown".to_owned(),
                "a file that ends with .toml or .json",
            ));
        }
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| whole(format!("cannot be read ({error})"), ""))?;
    // Some editors begin a file with a byte order mark.
    parse(text.strip_prefix('\u{feff}').unwrap_or(&text), &file)
}

fn read(root: &Node, file: &str) -> Result<Config, ConfigError> {
    let variable = |name: &str| std::env::var_os(name);
    Reader::new(Path::new(file), &variable).config(root).map_err(|error| at_file(error, file)).map(
        |mut config| {
            for warning in &mut config.warnings {
                warning.place.file = Some(file.to_owned());
            }
            config
        },
    )
}

fn at_file(mut error: ConfigError, file: &str) -> ConfigError {
    error.0.place.file = Some(file.to_owned());
    error
}
